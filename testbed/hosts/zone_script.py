"""Zone faults: which one, if any, changes what the name server would have said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import dns.name
import dns.rrset

from testbed.scenario.faults.zone import ZoneFault, ZoneRecord

TTL_S = 300


class ZoneScript:
    """The zone faults of a scenario, in the order of the file.

    ``addresses`` are those of every host; ``now_ns`` tells the scenario time since the start, ``fired`` hears of every
    fault that is staged.
    """

    def __init__(
        self,
        faults: Sequence[ZoneFault] = (),
        fired: Callable[[ZoneFault], None] = lambda fault: None,
        now_ns: Callable[[], int] = lambda: 0,
        seed: int = 0,
        addresses: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._faults = [(dns.name.from_text(fault.zone), fault, fault.trigger(seed)) for fault in faults]
        self._fired = fired
        self._now_ns = now_ns
        self._addresses = addresses or {}

    def take(self, name: dns.name.Name, kind: str, *, stream: bool) -> ZoneFault | None:
        """The fault to stage now.  ``kind`` is the type asked for, ``stream`` tells TCP from UDP."""
        for zone, fault, trigger in self._faults:
            if not (name == zone or (not fault.holds and name.is_subdomain(zone))):
                continue
            if fault.kinds is not None and kind not in fault.kinds:
                continue
            if fault.answer == "truncated" and stream:
                continue
            if trigger.strikes(self._now_ns()):
                self._fired(fault)
                return fault
        return None

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
