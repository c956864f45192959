"""What the lab's name server holds, and what it answers (RFC 1034 §4.3.2, RFC 4592)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
from msgspec import Struct

from testbed.hosts.zone_script import TTL_S, ZoneScript
from testbed.scenario.faults.zone import FLAWS, ZoneFault

PAYLOAD = 1_232
"""The largest datagram it takes, in octets."""

_AT_HAND = 1_024  # names and records, for labs in a row have the same
_CODES = ("NXDOMAIN", "SERVFAIL", "REFUSED")
_WILDCARD = dns.name.from_text("*", None)

Held = dict[dns.rdatatype.RdataType, dns.rrset.RRset]
"""The records of one name, by type."""


class ZoneEntry(Struct, frozen=True):
    """One line of the zone: ``ZoneEntry("someschool.edu", "MX", "10 mx.someschool.edu.")``; ``ttl`` in seconds."""

    name: str
    kind: str
    data: str
    ttl: int = TTL_S


class Response(Struct, frozen=True):
    """What there is to say, and the trouble (an ``answer`` of a zone fault) that keeps the server from saying it.

    ``faults`` are those that had a part in it.
    """

    message: dns.message.Message
    trouble: str = ""
    faults: tuple[ZoneFault, ...] = ()


class Stop(Struct, frozen=True):
    """A name on the way to an answer: what it holds, None where it does not exist; what of it goes into the answer.

    ``flaw`` is what is wrong with its signatures.
    """

    name: dns.name.Name
    kind: dns.rdatatype.RdataType
    held: Held | None
    found: dns.rrset.RRset | None
    flaw: str


class Sealer(Protocol):
    """Signs answers."""

    def seal(self, zone: Zone, query: dns.message.Message, response: dns.message.Message, way: Sequence[Stop]) -> None:
        """Put into the response what shows that it is authentic, or that it is not."""


class Zone:
    """All names of the lab.  A name that has no record, and none below it, does not exist, unless a wildcard fits it.

    ``also`` names what exists without having records of its own; ``plain`` is the zone without such names.  ``sealer``
    signs answers.
    """

    def __init__(self, records: Iterable[ZoneEntry], also: Iterable[str] = (), sealer: Sealer | None = None) -> None:
        records, also = list(records), list(also)
        self.plain: Zone = Zone(records, (), sealer) if also else self
        self._sealer = sealer
        self._rrsets: dict[dns.name.Name, Held] = {dns.name.root: {}}
        for record in records:
            name, rdata = _name(record.name), _rdata(record.kind, record.data)
            held = self._at(name)
            if rdata.rdtype in held:
                held[rdata.rdtype].add(rdata)
            else:
                held[rdata.rdtype] = dns.rrset.from_rdata(name, record.ttl, rdata)
        for text in also:
            self._at(_name(text))

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

    @property
    def names(self) -> Iterable[dns.name.Name]:
        """All names that exist."""
        return self._rrsets

    def answer(self, query: dns.message.Message, script: ZoneScript, *, stream: bool = False) -> Response:
        """The response to a query, changed as the script says."""
        response = dns.message.make_response(query, recursion_available=True, our_payload=PAYLOAD)
        response.flags |= dns.flags.AA
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return Response(response)
        way, faults, end = self._way(query, script, stream=stream)
        if end in _CODES:
            response.set_rcode(dns.rcode.from_text(end))
            return Response(response, "", faults)
        response.answer.extend(stop.found for stop in way if stop.found is not None)
        if way[-1].held is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if way[-1].found is None:
            response.authority.extend(self._start_of_authority(way[-1].name))
        if self._sealer is not None:
            self._sealer.seal(self, query, response, way)
        return Response(response, end, faults)

    def _way(
        self, query: dns.message.Message, script: ZoneScript, *, stream: bool
    ) -> tuple[list[Stop], tuple[ZoneFault, ...], str]:
        """The names that aliases lead over, the faults there, and the trouble that ends it, ``""`` for none."""
        name, kind = query.question[0].name, query.question[0].rdtype
        way: list[Stop] = []
        faults: list[ZoneFault] = []
        while True:
            held = self.held(name)
            fault = script.take(name, dns.rdatatype.to_text(kind), stream=stream, edns=query.edns >= 0)
            faults += [fault] if fault is not None else []
            if fault is not None and fault.says:
                held = {rrset.rdtype: rrset for rrset in script.held(fault, name)}
            said = "" if fault is None or fault.says else str(fault.answer)
            flaw, trouble = (said, "") if said in FLAWS else ("", said)
            if flaw == "missing-ds" and held is not None:
                held = {of: rrset for of, rrset in held.items() if of != dns.rdatatype.DS}
            alias = None if held is None or kind == dns.rdatatype.DS else held.get(dns.rdatatype.CNAME)
            found = alias if alias is not None or held is None else held.get(kind)
            way.append(Stop(name, kind, held, found, flaw))
            seen = {stop.name for stop in way}
            if alias is None or kind == dns.rdatatype.CNAME or trouble or alias[0].target in seen:
                return way, tuple(faults), trouble
            name = alias[0].target

    def _start_of_authority(self, name: dns.name.Name) -> Iterable[dns.rrset.RRset]:
        """The SOA of the zone a name is in, where it has one: how long it is known that there is nothing (RFC 2308)."""
        while True:
            held = self._rrsets.get(name, {})
            if dns.rdatatype.SOA in held:
                return [held[dns.rdatatype.SOA]]
            if name == dns.name.root:
                return []
            name = name.parent()


@lru_cache(maxsize=_AT_HAND)
def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text.rstrip(".") + ".")


@lru_cache(maxsize=_AT_HAND)
def _rdata(kind: str, data: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", kind, data)


def _owned(rrset: dns.rrset.RRset, name: dns.name.Name) -> dns.rrset.RRset:
    """The same records, of another name."""
    return dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))
