"""The lab's name server: authoritative for everything, on UDP and TCP port 53 (RFC 1035, RFC 7766)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from copy import copy
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from testbed.hosts.dns.zone import Response, Zone
from testbed.hosts.site import Site, close, listen
from testbed.hosts.zone_script import ZoneScript
from testbed.protocols import events

PORT = 53
_UDP_OCTETS, _TCP_OCTETS = 512, 65_535  # without EDNS (RFC 1035 §2.3.4, §4.2.2)
_UDP_MOST = 4_096  # RFC 6891 §6.2.5


class NameServer:
    """Answers from a :class:`Zone`, or from the last of several whose time has come, in nanoseconds since the start."""

    def __init__(self, site: Site, zone: Zone, later: Sequence[tuple[int, Zone]] = ()) -> None:
        self.name = site.name
        self._site = site
        self._zones = [(0, zone), *later]
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
        now = self._site.since_begin_ns()
        zone = [zone for since, zone in self._zones if since <= now][-1]
        return respond(zone, wire, limit, self._answered, self._site.names)

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
        limit = min(max(limit, query.payload), _UDP_MOST) if query.edns >= 0 and not stream else limit
        response = zone.answer(query, script, stream=stream)
        if response.faults:
            usual = _octets(zone.plain.answer(query, _NO_FAULTS, stream=stream), limit)
            vain = "it says what the name server says anyway" if _octets(response, limit) == usual else ""
            for fault in response.faults:
                script.fired(fault, vain)
        if response.trouble not in _SILENT:
            answered(response.message)
        return _octets(response, limit)
    except (dns.exception.DNSException, ValueError):
        return _format_error(wire)


def _octets(response: Response, limit: int) -> bytes | None:
    if response.trouble in _SILENT:
        return None
    message = copy(response.message)  # which deeds change
    message.sections = [list(section) for section in message.sections]
    wire = _DEEDS.get(response.trouble, _whole)(message, limit)
    return None if response.trouble == "large-dropped" and len(wire) > _UDP_OCTETS else wire


def _whole(response: dns.message.Message, limit: int) -> bytes:
    try:
        return response.to_wire(max_size=limit, want_shuffle=False)  # always in the same order
    except dns.exception.TooBig:
        if limit == _TCP_OCTETS:  # there is nowhere to go on to
            response.set_rcode(dns.rcode.SERVFAIL)
            return _emptied(response, limit)
        return _truncated(response, limit)


def _emptied(response: dns.message.Message, limit: int) -> bytes:
    response.answer.clear()
    response.authority.clear()
    return response.to_wire(max_size=limit)


def _truncated(response: dns.message.Message, limit: int) -> bytes:
    response.flags |= dns.flags.TC
    return _emptied(response, limit)


def _garbled(response: dns.message.Message, limit: int) -> bytes:
    """The header and question of the response, then the first octets of a record that breaks off."""
    response.use_edns(False)
    response.answer.clear()
    response.authority.clear()
    wire = bytearray(response.to_wire(max_size=limit))
    wire[6:8] = (1).to_bytes(2, "big")  # ANCOUNT (RFC 1035 §4.1.1)
    wire[8:12] = bytes(4)
    return bytes(wire) + b"\xc0\x0c\x00"


def _wrong_id(response: dns.message.Message, limit: int) -> bytes:
    response.id ^= 0xFFFF
    return _whole(response, limit)


def _without_edns(response: dns.message.Message, limit: int) -> bytes:
    response.use_edns(False)
    return _whole(response, _UDP_OCTETS if limit < _TCP_OCTETS else limit)


def _edns_unknown(response: dns.message.Message, limit: int) -> bytes:
    """RFC 6891 §7: who does not know EDNS says FORMERR, without an OPT record."""
    response.use_edns(False)
    response.set_rcode(dns.rcode.FORMERR)
    return _emptied(response, limit)


def _bad_version(response: dns.message.Message, limit: int) -> bytes:
    response.set_rcode(dns.rcode.BADVERS)
    return _emptied(response, limit)


def _in_small_datagrams(response: dns.message.Message, limit: int) -> bytes:
    return _whole(response, _UDP_OCTETS)


_SILENT = ("silent", "edns-dropped")
_DEEDS: dict[str, Callable[[dns.message.Message, int], bytes]] = {
    "truncated": _truncated,
    "garbled": _garbled,
    "wrong-id": _wrong_id,
    "edns-formerr": _edns_unknown,
    "edns-badvers": _bad_version,
    "edns-ignored": _without_edns,
    "edns-small": _in_small_datagrams,
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
