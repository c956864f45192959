"""What the lab's name server holds, and what it answers (RFC 1034 §4.3.2, RFC 4592)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from testbed.hosts.zone_script import TTL_S, ZoneScript
from testbed.scenario.faults.zone import ZoneFault

_CODES = ("NXDOMAIN", "SERVFAIL", "REFUSED")
_WILDCARD = dns.name.from_text("*", None)

Held = dict[dns.rdatatype.RdataType, dns.rrset.RRset]
"""The records of one name, by type."""


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """One line of the zone: ``ZoneEntry("someschool.edu", "MX", "10 mx.someschool.edu.")``; ``ttl`` in seconds."""

    name: str
    kind: str
    data: str
    ttl: int = TTL_S


@dataclass(frozen=True, slots=True)
class Response:
    """What there is to say, and the trouble (an ``answer`` of a zone fault) that keeps the server from saying it.

    ``faults`` are those that had a part in it.
    """

    message: dns.message.Message
    trouble: str = ""
    faults: tuple[ZoneFault, ...] = ()


class Zone:
    """All names of the lab.  A name that has no record, and none below it, does not exist, unless a wildcard fits it.

    ``also`` names what exists without having records of its own; ``plain`` is the zone without such names.
    """

    def __init__(self, records: Iterable[ZoneEntry], also: Iterable[str] = ()) -> None:
        records, also = list(records), list(also)
        self.plain: Zone = Zone(records) if also else self
        self._rrsets: dict[dns.name.Name, Held] = {dns.name.root: {}}
        for record in records:
            rrset = dns.rrset.from_text(record.name.rstrip(".") + ".", record.ttl, "IN", record.kind, record.data)
            known = self._at(rrset.name).setdefault(rrset.rdtype, rrset)
            for rdata in rrset:
                known.add(rdata)
        for name in also:
            self._at(dns.name.from_text(name))

    def _at(self, name: dns.name.Name) -> Held:
        above = name
        while above not in self._rrsets:
            self._rrsets[above] = {}
            above = above.parent()
        return self._rrsets[name]

    def held(self, name: dns.name.Name) -> Held | None:
        """The records of a name, also those a wildcard gives it (RFC 4592 §3.3.1); None where it does not exist."""
        if name in self._rrsets:
            return self._rrsets[name]
        above = name.parent()
        while above not in self._rrsets:
            above = above.parent()
        found = self._rrsets.get(_WILDCARD.derelativize(above))
        return None if found is None else {kind: _owned(rrset, name) for kind, rrset in found.items()}

    def answer(self, query: dns.message.Message, script: ZoneScript, *, stream: bool = False) -> Response:
        """The response to a query, changed as the script says."""
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return Response(response)
        name, kind = query.question[0].name, query.question[0].rdtype
        seen: set[dns.name.Name] = set()
        faults: list[ZoneFault] = []
        while True:
            held = self.held(name)
            fault = script.take(name, dns.rdatatype.to_text(kind), stream=stream)
            faults += [fault] if fault is not None else []
            if fault is not None and fault.holds:
                held = {rrset.rdtype: rrset for rrset in script.held(fault)}
            elif fault is not None and fault.answer in _CODES:
                response.answer.clear()
                response.set_rcode(dns.rcode.from_text(fault.answer))
                return Response(response, "", tuple(faults))
            trouble = "" if fault is None or fault.holds else str(fault.answer)
            if held is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                return Response(response, trouble, tuple(faults))
            alias = held.get(dns.rdatatype.CNAME)
            found = alias if alias is not None else held.get(kind)
            if found is not None:
                response.answer.append(found)
            seen.add(name)
            if alias is None or kind == dns.rdatatype.CNAME or trouble or alias[0].target in seen:
                return Response(response, trouble, tuple(faults))
            name = alias[0].target


def _owned(rrset: dns.rrset.RRset, name: dns.name.Name) -> dns.rrset.RRset:
    """The same records, of another name."""
    return dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))
