"""The lab's name server: authoritative for everything, on UDP and TCP port 53 (RFC 1035, RFC 7766)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from testbed.hosts.site import Site, close, listen
from testbed.hosts.zone_script import TTL_S, ZoneScript
from testbed.protocols import events
from testbed.scenario.faults.zone import ZoneFault

PORT = 53
_UDP_OCTETS, _TCP_OCTETS = 512, 65_535  # without EDNS (RFC 1035 §2.3.4, §4.2.2)


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """One line of the zone: ``ZoneEntry("someschool.edu", "MX", "10 mx.someschool.edu.")``."""

    name: str
    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class Response:
    """What there is to say, and the trouble (an ``answer`` of a zone fault) that keeps the server from saying it.

    ``faults`` are those that had a part in it.
    """

    message: dns.message.Message
    trouble: str = ""
    faults: tuple[ZoneFault, ...] = ()


class Zone:
    """All names of the lab.  A name that has no record, and none below it, does not exist.

    ``also`` names what exists without having records of its own; ``plain`` is the zone without such names.
    """

    def __init__(self, records: Iterable[ZoneEntry], also: Iterable[str] = ()) -> None:
        records, also = list(records), list(also)
        self.plain: Zone = Zone(records) if also else self
        self._rrsets: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rrset.RRset]] = {dns.name.root: {}}
        for record in records:
            rrset = dns.rrset.from_text(record.name + ".", TTL_S, "IN", record.kind, record.data)
            known = self._at(rrset.name).setdefault(rrset.rdtype, rrset)
            for rdata in rrset:
                known.add(rdata)
        for name in also:
            self._at(dns.name.from_text(name))

    def _at(self, name: dns.name.Name) -> dict[dns.rdatatype.RdataType, dns.rrset.RRset]:
        above = name
        while above not in self._rrsets:
            self._rrsets[above] = {}
            above = above.parent()
        return self._rrsets[name]

    def answer(self, query: dns.message.Message, script: ZoneScript, *, stream: bool = False) -> Response:
        """The response to a query (RFC 1034 §4.3.2, without wildcards), changed as the script says."""
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return Response(response)
        name, kind = query.question[0].name, query.question[0].rdtype
        seen: set[dns.name.Name] = set()
        faults: list[ZoneFault] = []
        while True:
            held = self._rrsets.get(name)
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


_CODES = ("NXDOMAIN", "SERVFAIL", "REFUSED")


class NameServer:
    """Answers from a :class:`Zone`."""

    def __init__(self, site: Site, zone: Zone) -> None:
        self.name = site.name
        self._site = site
        self._zone = zone
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[asyncio.DatagramTransport] = []

    async def start(self) -> None:
        """Listen on every address."""
        loop = asyncio.get_running_loop()
        for address in self._site.addresses:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self._respond), local_addr=(address, PORT))
            self._datagrams.append(transport)
        self._servers = await listen(lambda: _Tcp(self._respond), self._site.addresses, (PORT,))

    async def settled(self) -> None:
        """A name server never has anything in progress: it answers at once."""

    async def stop(self) -> None:
        """Close the sockets."""
        for transport in self._datagrams:
            transport.close()
        await close(self._servers)

    def inventory(self) -> None:
        """A name server holds no mail."""

    def _respond(self, wire: bytes, limit: int) -> bytes | None:
        return respond(self._zone, wire, limit, self._answered, self._site.names)

    def _answered(self, response: dns.message.Message) -> None:
        question = response.question[0].to_text().removesuffix(".") if response.question else ""
        rcode = dns.rcode.to_text(response.rcode())
        records = "; ".join(rdata.to_text() for rrset in response.answer for rdata in rrset)
        self._site.log(
            events.Answered(question=question, rcode=rcode, records=records), f"{question}: {rcode} {records}".strip()
        )


Answered = Callable[[dns.message.Message], None]
_NO_FAULTS = ZoneScript()


def respond(
    zone: Zone,
    wire: bytes,
    limit: int = _TCP_OCTETS,
    answered: Answered = lambda response: None,
    script: ZoneScript = _NO_FAULTS,
) -> bytes | None:
    """The response to a datagram, truncated to ``limit`` octets, or None for what is no query or shall get no answer.

    ``answered`` hears of every response before it is truncated.
    """
    stream = limit == _TCP_OCTETS
    try:
        query = dns.message.from_wire(wire)
        if query.flags & dns.flags.QR:
            return None
        limit = max(limit, query.payload) if query.edns >= 0 and not stream else limit
        response = zone.answer(query, script, stream=stream)
        if response.faults:
            usual = _octets(zone.plain.answer(query, _NO_FAULTS, stream=stream), limit)
            vain = "it says what the name server says anyway" if _octets(response, limit) == usual else ""
            for fault in response.faults:
                script.fired(fault, vain)
        if response.trouble != "silent":
            answered(response.message)
        return _octets(response, limit)
    except (dns.exception.DNSException, ValueError):
        return _format_error(wire)


def _octets(response: Response, limit: int) -> bytes | None:
    if response.trouble == "silent":
        return None
    message = copy(response.message)  # which deeds change
    message.sections = [list(section) for section in message.sections]
    return _DEEDS.get(response.trouble, _whole)(message, limit)


def _whole(response: dns.message.Message, limit: int) -> bytes:
    try:
        return response.to_wire(max_size=limit, want_shuffle=False)  # always in the same order
    except dns.exception.TooBig:
        return _truncated(response, limit)


def _truncated(response: dns.message.Message, limit: int) -> bytes:
    response.answer.clear()
    response.flags |= dns.flags.TC
    return response.to_wire(max_size=limit)


def _garbled(response: dns.message.Message, limit: int) -> bytes:
    """The header and question of the response, then the first octets of a record that breaks off."""
    response.answer.clear()
    wire = bytearray(response.to_wire(max_size=limit))
    wire[6:8] = (1).to_bytes(2, "big")  # ANCOUNT (RFC 1035 §4.1.1)
    wire[8:12] = bytes(4)
    return bytes(wire) + b"\xc0\x0c\x00"


def _wrong_id(response: dns.message.Message, limit: int) -> bytes:
    response.id ^= 0xFFFF
    return _whole(response, limit)


_DEEDS: dict[str, Callable[[dns.message.Message, int], bytes]] = {
    "truncated": _truncated,
    "garbled": _garbled,
    "wrong-id": _wrong_id,
}


def _format_error(wire: bytes) -> bytes | None:
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    return wire[:2] + struct.pack("!HHHHH", 0x8000 | dns.rcode.FORMERR, 0, 0, 0, 0)


Respond = Callable[[bytes, int], bytes | None]
"""The response to a message, of at most so many octets."""


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._respond(data, _UDP_OCTETS)
        if response is not None:
            self._transport.sendto(response, addr)


class _Tcp(asyncio.Protocol):
    """Queries with a two-octet length before each (RFC 1035 §4.2.2)."""

    IDLE_S = 30.0

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._idle = asyncio.get_running_loop().call_later(self.IDLE_S, self._transport.close)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < 2 + length:
                return
            response = self._respond(bytes(self._buffer[2 : 2 + length]), _TCP_OCTETS)
            del self._buffer[: 2 + length]
            if response is not None:
                self._transport.write(struct.pack("!H", len(response)) + response)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.cancel()
