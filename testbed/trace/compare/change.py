"""A change before it is told: values on both sides, which :mod:`testbed.trace.compare.sentences` puts into words."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from testbed.trace.compare.values import Ended, Replies, Tls
from testbed.trace.services.reading.outcome import Reading


class Fate(StrEnum):
    """How mail for a recipient ended at a client."""

    BOUNCED = "bounced"
    TAKEN = "taken"
    KEPT = "kept"
    REFUSED = "refused"  # and nobody says more


class Said(Struct, frozen=True):
    """A command that one trace has and the other has not, and its reply."""

    argument: str
    reply: Replies | None


Value = int | str | Replies | Tls | Ended | Reading | Said | None
"""How often, or what; 0, ``""`` or None for nothing.  ``str()`` tells it."""


class Change(Struct, frozen=True):
    """``kind`` is the aspect that changed; ``who`` did it to, or with, ``whom``; ``what`` is the command, event, name …

    ``detail`` says more in words, ``connection`` which of several it is, from 1.  ``logged`` tells that a host
    has logged it.  ``hosts`` are those it is about besides.
    """

    kind: str
    who: str
    whom: str
    what: str
    before: Value
    now: Value
    before_frames: tuple[int, ...]
    now_frames: tuple[int, ...]
    detail: str = ""
    connection: int = 0
    logged: bool = False
    hosts: tuple[str, ...] = ()


class FateChange(Change, frozen=True):
    """Mail met another fate.  ``retried`` tells that it was tried more often than before.

    ``before`` and ``now`` say why, in the words of replies.
    """

    fates: tuple[Fate, Fate] = (Fate.REFUSED, Fate.REFUSED)
    retried: bool = False
