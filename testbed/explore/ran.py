"""What came of one run with faults: small values, for there are ten thousands of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testbed.explore.candidate import Candidate, FaultData
from testbed.scenario.rewritten import Data


class Came(StrEnum):
    """What a run came to, as a whole."""

    RED = "red"
    """Something was broken."""
    NOT_OVER = "not over"
    """The lab's time was up, or it could not be played."""
    NEVER_REACHED = "never reached"
    """A fault had no occasion to strike."""
    UNNOTICED = "unnoticed"
    """Hosts and mail did what they do without the fault."""
    TWICE = "twice"
    """Mail was delivered more than once, and rightly so: a reply was lost."""
    DELIVERED = "delivered"
    GIVEN_BACK = "given back"
    """Bounced, refused at once, or never taken."""
    QUEUED = "queued"
    """Still, when the run ended."""
    UNKNOWN = "unknown"
    """The trace does not show what became of the mail."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is wanted: a scenario's faults.  With ``kept``, the name of a file, its trace stays.

    ``data`` is what the scenario says, where that is another than the explored one; then nobody asks for points.
    """

    number: int
    faults: tuple[FaultData, ...]
    kept: str = ""
    data: Data | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that was broken: what always holds, what was seen, and the frames of the run's trace."""

    what: str
    why: str
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """A run with faults.

    ``told`` are the fates of its mail in words; ``digest`` is the same where two runs went alike, ``effect`` where
    their faults came to the same.  ``reached`` tells of each fault whether it struck.  ``points`` are those of its
    trace, in words, ``opened`` the candidates that only the faults made possible; both are empty where nobody asked.
    ``occasions`` are the rules it could have broken (:mod:`testbed.explore.occasions`).
    ``by_host`` are digests of what each host said and did, of a run without faults only.  ``error`` says why it is not
    over, ``no_lab`` that this machine does not allow labs.
    """

    number: int
    came: Came
    told: str = ""
    digest: str = ""
    effect: str = ""
    reached: tuple[bool, ...] = ()
    breaches: tuple[Breach, ...] = ()
    points: frozenset[str] = frozenset()
    opened: tuple[Candidate, ...] = ()
    seconds: float = 0.0
    error: str = ""
    by_host: tuple[tuple[str, str], ...] = ()
    no_lab: bool = False
    occasions: tuple[int, ...] = ()
