"""A lab held open after its steps: what its holder is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from testbed.hosts.site import Log
from testbed.lab.guests import Guests
from testbed.lab.journal import Listener
from testbed.lab.look import LabLook
from testbed.lab.running_faults import RunningFaults
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import Step


class OpenLab(Struct, frozen=True):
    """``addresses`` are those of every host and of :data:`OUTSIDE`, by name; ``log`` writes as the lab.

    ``authority`` is the certificate that its servers' are signed with, PEM; ``b""`` where none has one.
    ``play`` plays one more step, ``settle`` returns when nothing is in progress; time jumps meanwhile, as in a scenario
    that plays by itself.  ``listening`` says at which addresses and ports somebody listens.  ``guests`` are programs
    that others start in it, ``faults`` those that are set and lifted.  ``look`` tells what is to be seen, of the log
    from behind a line of that number.  ``overhear`` has somebody hear of all that is logged.  ``written`` writes out
    the trace so far; gives where others can read it while the lab lives, and how many octets it has.
    """

    scenario: Scenario
    authority: bytes
    addresses: Mapping[str, tuple[str, ...]]
    log: Log
    play: Callable[[Step], Awaitable[None]]
    settle: Callable[[], Awaitable[None]]
    listening: Callable[[], list[tuple[str, int]]]
    guests: Guests
    faults: RunningFaults
    look: Callable[[int], LabLook]
    overhear: Callable[[Listener], None]
    written: Callable[[], tuple[Path, int]]


class Holder(Protocol):
    """Somebody who holds a lab open.  Scenario time is real time until :meth:`hold` returns."""

    @property
    def plays_steps(self) -> bool:
        """Whether the scenario's steps are played first."""

    async def hold(self, lab: OpenLab) -> None:
        """Return when the lab may end; being cancelled is Ctrl-C, and may be an orderly end."""
