"""A change before it is told: values on both sides, which :mod:`testbed.trace.compare.sentences` puts into words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """``kind`` is the aspect that changed; ``who`` did it to, or with, ``whom``; ``what`` is the command, event, name …

    ``before`` and ``now`` are the values, ``""`` for nothing; ``where`` tells which of several connections it is.
    """

    kind: str
    who: str
    whom: str
    what: str
    before: str
    now: str
    before_frames: tuple[int, ...]
    now_frames: tuple[int, ...]
    where: str = ""
