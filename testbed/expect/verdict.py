"""What a verdict is."""

from __future__ import annotations

from msgspec import Struct


class Reason(Struct, frozen=True):
    """One of several reasons why a verdict did not hold: what must be, more exactly, and how it is not."""

    what: str
    why: str


class Verdict(Struct, frozen=True):
    """Whether one thing held, why, and the frames that prove it.

    What is not ``judged`` could not be seen: it is neither red nor a proof of anything.  ``line`` is the line of the
    expectation (of the fault, of the step) in ``file``, 0 for what is always checked.  ``reasons`` are all of which
    ``why`` tells the first; empty where it tells the only one.  ``remedy`` is what the scenario may have forgotten.
    """

    what: str
    held: bool
    why: str
    frames: tuple[int, ...]
    line: int = 0
    file: str = ""
    judged: bool = True
    reasons: tuple[Reason, ...] = ()
    remedy: str = ""
