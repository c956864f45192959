"""Zone faults: which one, if any, changes what the name server would have said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import dns.name
import dns.reversename
import dns.rrset

from testbed.hosts.fault_script import FaultScript
from testbed.scenario.blocklists import LISTED
from testbed.scenario.faults.zone import ZoneFault
from testbed.scenario.zone_records import records_of

TTL_S = 300

_PTR = frozenset({"PTR"})
_OVER_QUOTA = "127.255.255.254"  # as the large lists say it: no listing, but no answer either
_OF_DATAGRAMS = ("truncated", "edns-small", "large-dropped")
_OF_EDNS = ("edns-dropped", "edns-formerr", "edns-badvers", "edns-ignored", "edns-small")


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

    def take(self, name: dns.name.Name, kind: str, *, stream: bool, edns: bool = False) -> ZoneFault | None:
        """The fault to stage now, of which :meth:`fired` is to be told.

        ``kind`` is the type asked for, ``stream`` tells TCP from UDP, ``edns`` whether the question has EDNS.
        """

        def applies(fault: ZoneFault) -> bool:
            if not any(name == own or (not fault.holds and name.is_subdomain(own)) for own in self.names_of(fault)):
                return False
            if fault.kinds is not None and kind not in fault.kinds:
                return False
            return not (fault.answer in _OF_DATAGRAMS and stream) and (fault.answer not in _OF_EDNS or edns)

        return self.found(applies)

    def names_of(self, fault: ZoneFault) -> tuple[dns.name.Name, ...]:
        """The names a fault is about: of a host, where it is about PTR, those of its addresses."""
        host = fault.zone.rstrip(".").lower()
        if fault.kinds == _PTR and host in self._addresses:
            return tuple(dns.reversename.from_address(address) for address in self._addresses[host])
        return (dns.name.from_text(fault.zone),)

    def held(self, fault: ZoneFault, name: dns.name.Name) -> list[dns.rrset.RRset]:
        """What a fault says a name holds, a set for each type."""
        lines: dict[str, list[str]] = {}
        match fault.answer:
            case "null-mx":
                lines["MX"] = ["0 ."]
            case "loop":
                lines["CNAME"] = [name.to_text()]
            case "everything-listed":
                lines |= {"A": [LISTED], "TXT": [f'"every address is listed by {fault.zone}"']}
            case "over-quota":
                lines |= {"A": [_OVER_QUOTA], "TXT": ['"too many questions from your resolver"']}
        for record in records_of(fault.lines, self._addresses):
            data = addresses_for(record.kind, self._addresses[record.host]) if record.host else [record.data]
            lines.setdefault(record.kind, []).extend(data)
        return [dns.rrset.from_text(name, TTL_S, "IN", kind, *data) for kind, data in lines.items() if data]


def addresses_for(kind: str, own: Sequence[str]) -> list[str]:
    """Those of a host's addresses that A or AAAA can hold."""
    return [address for address in own if (":" in address) == (kind == "AAAA")]
