"""The clock that programs of a lab share with it, made when the first of them needs it."""

from __future__ import annotations

from testbed.errors import LabError
from testbed.lab.network import LabNetwork
from testbed.net.program_time.library import scenario_time_library
from testbed.net.program_time.programs import ProgramTime
from testbed.scenario.scenario import Scenario

_FOLDER = ".clock"


class SharedClock:
    """``programs`` is None as long as no program may need it, or where it cannot be had."""

    def __init__(self, scenario: Scenario, network: LabNetwork) -> None:
        """Share it where the scenario says so.  Raises LabError where that must be and cannot."""
        self.programs: ProgramTime | None = None
        self._network = network
        if scenario.may_share_clock:
            try:
                self.share()
            except LabError:
                if scenario.must_share_clock:
                    raise

    def share(self) -> ProgramTime:
        """Have programs live by it.  Raises LabError where that cannot be."""
        if self.programs is None:
            loop = self._network.loop
            self.programs = loop.programs = ProgramTime(self._network.scratch / _FOLDER, scenario_time_library())
            for namespace in self._network.namespaces.values():
                loop.watch_network(namespace.connections, namespace.counters)
        return self.programs

    def close(self) -> None:
        """No program lives any more."""
        if self.programs is not None:
            self._network.loop.programs = None
            self.programs.close()
