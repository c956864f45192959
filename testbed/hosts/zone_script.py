"""Zone faults: which one, if any, changes what the name server would have said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import dns.name
import dns.rrset

from testbed.hosts.fault_script import FaultScript
from testbed.scenario.faults.zone import ZoneFault, ZoneRecord

TTL_S = 300


class ZoneScript(FaultScript[ZoneFault]):
    """The zone faults of a scenario, in the order of the file; ``addresses`` are those of every host."""

    def __init__(
        self,
        faults: Sequence[ZoneFault] = (),
        fired: Callable[[ZoneFault, str], None] = lambda fault, vain: None,
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
        addresses: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(faults, fired, now_ns, seed)
        self._addresses = addresses or {}

    def take(self, name: dns.name.Name, kind: str, *, stream: bool) -> ZoneFault | None:
        """The fault to stage now, of which :meth:`fired` is to be told.

        ``kind`` is the type asked for, ``stream`` tells TCP from UDP.
        """

        def applies(fault: ZoneFault) -> bool:
            zone = dns.name.from_text(fault.zone)
            if not (name == zone or (not fault.holds and name.is_subdomain(zone))):
                return False
            if fault.kinds is not None and kind not in fault.kinds:
                return False
            return not (fault.answer == "truncated" and stream)

        return self.found(applies)

    def held(self, fault: ZoneFault) -> list[dns.rrset.RRset]:
        """What a fault says its name holds, a set for each type."""
        lines: dict[str, list[str]] = {}
        match fault.answer:
            case "null-mx":
                lines["MX"] = ["0 ."]
            case "loop":
                lines["CNAME"] = [f"{fault.zone}."]
        for record in fault.held:
            lines.setdefault(record.kind, []).extend(self._data(record))
        name = dns.name.from_text(fault.zone)
        return [dns.rrset.from_text(name, TTL_S, "IN", kind, *data) for kind, data in lines.items() if data]

    def _data(self, record: ZoneRecord) -> list[str]:
        if record.kind in ("A", "AAAA"):
            own = [record.name] if record.is_address else self._addresses.get(record.name, ())
            return [address for address in own if (":" in address) == (record.kind == "AAAA")]
        target = record.name.rstrip(".") + "."
        return [f"{record.preference} {target}" if record.kind == "MX" else target]
