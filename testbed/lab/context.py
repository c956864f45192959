"""What is handed around in a lab: its scenario, its network, its log."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from testbed.hosts.tls import LabTls
from testbed.lab.carriers import Carrier
from testbed.lab.journal import Journal
from testbed.lab.network import LabNetwork
from testbed.lab.program_environment import ProgramEnvironment
from testbed.lab.program_view import ProgramView
from testbed.lab.shared_clock import SharedClock
from testbed.net.clock import ScenarioLoop
from testbed.net.confinement import Confinement
from testbed.net.program_time.programs import ProgramTime
from testbed.scenario.faults import Fault
from testbed.scenario.programs import ROOT
from testbed.scenario.scenario import Scenario


class LabContext(Struct, frozen=True):
    """One lab, as far as all of its parts may know it.

    ``addresses`` are those of each host by its name; ``tls`` is None where no host has TLS; ``programs`` is what
    programs of the user's are given; ``crashes`` is what the wire does for faults that have a host crash, by their
    lines, once there are hosts; ``clock`` is the one that programs may share.  ``faults`` are those of the scenario,
    and those that were set since, unless they were lifted.
    """

    scenario: Scenario
    addresses: Mapping[str, tuple[str, ...]]
    network: LabNetwork
    wire: Carrier
    journal: Journal
    tls: LabTls | None
    programs: ProgramEnvironment
    crashes: dict[int, Callable[[], None]]
    clock: SharedClock
    faults: list[Fault]

    @property
    def folder(self) -> Path | None:
        """The scenario's folder, where its programs run; None where there is no such folder here."""
        folder = Path(self.scenario.file).parent
        return folder if folder.is_dir() else None

    def clock_of(self, host: str) -> ProgramTime | None:
        """The clock that programs of a host live by; None where their time is real."""
        spec = self.scenario.hosts.get(host)
        return None if spec is not None and spec.time == "real" else self.clock.programs

    def confinement(self, host: str, library: Path | None) -> Confinement:
        """What programs on a host may do.  They load ``library``."""
        beside = (tempfile.gettempdir(), *([str(self.folder)] if self.folder is not None else []))
        return Confinement(
            str(self.network.scratch),
            writable=None if self.scenario.reach.anywhere else beside,
            sight=self.view.sight(host, library, self.network.socket_files),
            set_ids=ROOT in self.scenario.needs,
        )

    @property
    def view(self) -> ProgramView:
        """What programs see in place of the machine's files."""
        return ProgramView(self.scenario, self.network.scratch)

    @property
    def loop(self) -> ScenarioLoop:
        """The loop that hosts and wire share, and the scenario's clock."""
        return self.network.loop
