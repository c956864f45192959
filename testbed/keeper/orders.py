"""What a program asks of its keeper, and of a lab that is open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from testbed.net.entry import Entry
from testbed.scenario.faults import Fault
from testbed.scenario.network_needs import NetworkKind
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import Step


class Order(Struct, frozen=True):
    """One lab.  ``trace`` is where its trace goes; ``folder`` and ``environment`` are those of who asks.

    With ``held`` the lab stays open after its steps, or without them, until it is told to end.
    """

    scenario: Scenario
    trace: Path
    folder: Path
    environment: Mapping[str, str]
    time_limit_s: float
    held: bool = False
    plays_steps: bool = True
    network: NetworkKind = NetworkKind.PRIVATE


class Play(Struct, frozen=True):
    """A step to be played now."""

    step: Step


class SetFault(Struct, frozen=True):
    """A fault is to strike from now on; ``said`` are its keys and values as JSON.  The answer is its number."""

    fault: Fault
    said: str


class LiftFault(Struct, frozen=True):
    """A fault that was set is to strike no more."""

    number: int


class Look(Struct, frozen=True):
    """What is to be seen is asked for, of the log what stands behind so many lines.  The answer is a LabLook."""

    after: int


class ShowTrace(Struct, frozen=True):
    """The trace so far is to be written out.  The answer is where it can be read now, and how many octets it has."""


class Settle(Struct, frozen=True):
    """Everything in progress is to come to its end."""


class Admit(Struct, frozen=True):
    """A program is to be started on a host, in scenario time where ``on_clock``; the answer is its way in."""

    host: str
    on_clock: bool = False


class Follow(Struct, frozen=True):
    """Time may jump whenever the program rests that this process keeps, which came in by ``entry``."""

    process: int
    entry: Entry


Asked = Play | Settle | SetFault | LiftFault | Look | ShowTrace | Admit | Follow
"""What an open lab can be asked."""
