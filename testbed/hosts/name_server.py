"""The lab's name server: authoritative for everything, on UDP and TCP port 53 (RFC 1035, RFC 7766)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable
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
from testbed.protocols.events import Event

PORT = 53
TTL_S = 300
_UDP_OCTETS = 512  # without EDNS (RFC 1035 §2.3.4)


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the zone: ``Record("someschool.edu", "MX", "10 mx.someschool.edu.")``."""

    name: str
    kind: str
    data: str


class Zone:
    """All names of the lab.  A name that has no record, and none below it, does not exist."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._rrsets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self._names: set[dns.name.Name] = {dns.name.root}
        for record in records:
            rrset = dns.rrset.from_text(record.name + ".", TTL_S, "IN", record.kind, record.data)
            key = (rrset.name, rrset.rdtype)
            if key in self._rrsets:
                for rdata in rrset:
                    self._rrsets[key].add(rdata)
            else:
                self._rrsets[key] = rrset
            name = rrset.name
            while name != dns.name.root:
                self._names.add(name)
                name = name.parent()

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The response to a query (RFC 1034 §4.3.2, without wildcards)."""
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return response
        question = query.question[0]
        name, seen = question.name, set[dns.name.Name]()
        alias = self._rrsets.get((name, dns.rdatatype.CNAME))
        while alias is not None and question.rdtype != dns.rdatatype.CNAME and name not in seen:
            seen.add(name)
            response.answer.append(alias)
            name = alias[0].target
            alias = self._rrsets.get((name, dns.rdatatype.CNAME))
        rrset = self._rrsets.get((name, question.rdtype))
        if rrset is not None:
            response.answer.append(rrset)
        elif name not in self._names:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


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
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Udp(self._zone, self._answered), local_addr=(address, PORT)
            )
            self._datagrams.append(transport)
        self._servers = await listen(lambda: _Tcp(self._zone, self._answered), self._site.addresses, (PORT,))

    async def settled(self) -> None:
        """A name server never has anything in progress: it answers at once."""

    async def stop(self) -> None:
        """Close the sockets."""
        for transport in self._datagrams:
            transport.close()
        await close(self._servers)

    def inventory(self) -> None:
        """A name server holds no mail."""

    def _answered(self, response: dns.message.Message) -> None:
        question = response.question[0].to_text().removesuffix(".") if response.question else ""
        rcode = dns.rcode.to_text(response.rcode())
        records = "; ".join(rdata.to_text() for rrset in response.answer for rdata in rrset)
        self._site.log(
            Event.ANSWERED, f"{question}: {rcode} {records}".strip(), question=question, rcode=rcode, records=records
        )


Answered = Callable[[dns.message.Message], None]


def respond(zone: Zone, wire: bytes, limit: int = 65535, answered: Answered = lambda response: None) -> bytes | None:
    """The response to a datagram, truncated to ``limit`` octets, or None for what is no query at all.

    ``answered`` hears of every response before it is truncated.
    """
    try:
        query = dns.message.from_wire(wire)
        if query.flags & dns.flags.QR:
            return None
        response = zone.answer(query)
        answered(response)
        limit = max(limit, query.payload) if query.edns >= 0 and limit < 65535 else limit
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=limit)
    except (dns.exception.DNSException, ValueError):
        return _format_error(wire)


def _format_error(wire: bytes) -> bytes | None:
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    return wire[:2] + struct.pack("!HHHHH", 0x8000 | dns.rcode.FORMERR, 0, 0, 0, 0)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone, answered: Answered) -> None:
        self._zone = zone
        self._answered = answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = respond(self._zone, data, _UDP_OCTETS, self._answered)
        if response is not None:
            self._transport.sendto(response, addr)


class _Tcp(asyncio.Protocol):
    """Queries with a two-octet length before each (RFC 1035 §4.2.2)."""

    IDLE_S = 30.0

    def __init__(self, zone: Zone, answered: Answered) -> None:
        self._zone = zone
        self._answered = answered
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
            response = respond(self._zone, bytes(self._buffer[2 : 2 + length]), answered=self._answered)
            del self._buffer[: 2 + length]
            if response is not None:
                self._transport.write(struct.pack("!H", len(response)) + response)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.cancel()
