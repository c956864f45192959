"""A scenario that may be simpler than the one it comes from: what it says, and its faults."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from testbed.explore.candidate import FaultData
from testbed.explore.first_run import Explored
from testbed.scenario.rewritten import Data

_FAULTS = "faults"


class Variant(Struct, frozen=True, dict=True):
    """``data`` is what the scenario says but for its faults."""

    data: Data
    faults: tuple[FaultData, ...]

    @cached_property
    def key(self) -> str:
        """The same for two that say the same."""
        return json.dumps([self.data, self.faults], sort_keys=True, ensure_ascii=False)

    @property
    def steps(self) -> list[object]:
        """What happens."""
        steps = self.data.get("steps")
        return list(steps) if isinstance(steps, list | tuple) else []

    @property
    def hosts(self) -> dict[str, object]:
        """Hosts that differ from the textbook's."""
        hosts = self.data.get("hosts")
        return dict(hosts) if isinstance(hosts, Mapping) else {}

    @property
    def whole(self) -> dict[str, object]:
        """What it says, faults and all."""
        return {**self.data, _FAULTS: [dict(fault) for fault in self.faults]} if self.faults else dict(self.data)

    def saying(self, key: str, value: object) -> Variant:
        """The same, but for one key; None takes that away."""
        data = {name: told for name, told in self.data.items() if name != key}
        if value is not None:  # at its old place
            data = {name: value if name == key else told for name, told in self.data.items()}
        return Variant(data, self.faults)

    def with_faults(self, faults: Sequence[FaultData]) -> Variant:
        """The same with other faults."""
        return Variant(self.data, tuple(faults))

    def with_steps(self, steps: Sequence[object]) -> Variant:
        """The same with other steps."""
        return self.saying("steps", list(steps))

    def with_hosts(self, hosts: Mapping[str, object]) -> Variant:
        """The same with other hosts."""
        return self.saying("hosts", dict(hosts) or None)


def variant_of(explored: Explored, faults: Sequence[FaultData]) -> Variant:
    """What is explored, with faults besides its own."""
    data = dict(explored.data)
    own = data.pop(_FAULTS, None)
    return Variant(data, (*(own if isinstance(own, list) else ()), *faults))
