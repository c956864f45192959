"""Captures built octet by octet, so that every field of them can be wrong."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_START = 1_700_000_000
_SYN, _SYN_ACK, _ACK, _PUSH, _FIN = 0x02, 0x12, 0x10, 0x18, 0x11

Packet = tuple[int, bytes]  # seconds, octets


def ipv4(payload: bytes, protocol: int = 6, *, server: bool = False, words: int = 5, total: int | None = None) -> bytes:
    """An IPv4 packet; ``words`` and ``total`` stand in its length fields, whatever is true."""
    ends = (b"\x0a\0\0\1", b"\x0a\0\0\2")[:: -1 if server else 1]
    length = 20 + len(payload) if total is None else total
    return struct.pack(">BBHHHBBH", 0x40 | words, 0, length, 7, 0, 64, protocol, 0) + b"".join(ends) + payload


def ipv6(payload: bytes, following: int = 6, *, server: bool = False, length: int | None = None) -> bytes:
    """An IPv6 packet; ``following`` is the next header."""
    ends = (b"\x20\x01\x0d\xb8" + bytes(11) + b"\1", b"\x20\x01\x0d\xb8" + bytes(11) + b"\2")[:: -1 if server else 1]
    told = len(payload) if length is None else length
    return struct.pack(">IHBB", 6 << 28, told, following, 64) + b"".join(ends) + payload


def tcp(
    octets: bytes, sequence: int, flags: int = _PUSH, *, server: bool = False, port: int = 25, client: int = 40_000,
    ack: int = 0, words: int = 5,
) -> bytes:  # fmt: skip
    """A TCP segment; ``words`` is its data offset, whatever is true."""
    ports = (port, client) if server else (client, port)
    return struct.pack(">HHIIBBHHH", *ports, sequence % 2**32, ack % 2**32, words << 4, flags, 8_000, 0, 0) + octets


def udp(octets: bytes, *, server: bool = False, port: int = 53, length: int | None = None) -> bytes:
    """A UDP datagram."""
    ports = (port, 40_000) if server else (40_000, port)
    return struct.pack(">HHHH", *ports, 8 + len(octets) if length is None else length, 0) + octets


def talk(said: Iterable[tuple[bool, bytes]], *, port: int = 25, client: int = 40_000) -> list[bytes]:
    """A whole TCP connection over IPv4: who said what (True for the server), in order."""
    following = [1_001, 9_001]
    packets = [
        ipv4(tcp(b"", 1_000, _SYN, port=port, client=client)),
        ipv4(tcp(b"", 9_000, _SYN_ACK, server=True, port=port, client=client, ack=1_001), server=True),
        ipv4(tcp(b"", 1_001, _ACK, port=port, client=client, ack=9_001)),
    ]
    for server, octets in said:
        segment = tcp(octets, following[server], server=server, port=port, client=client, ack=following[not server])
        packets.append(ipv4(segment, server=server))
        following[server] += len(octets)
    for server in (False, True):
        fin = tcp(b"", following[server], _FIN, server=server, port=port, client=client, ack=following[not server])
        packets.append(ipv4(fin, server=server))
    return packets


def pcap(packets: Iterable[bytes], link_type: int = 101, *, order: str = "<", snap: int = 65_535) -> bytes:
    """A classic capture, a packet a second."""
    magic = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, link_type)
    records = [
        struct.pack(order + "IIII", _START + n, 0, len(octets), len(octets)) + octets
        for n, octets in enumerate(packets)
    ]
    return magic + b"".join(records)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """One option of a pcapng block."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind: int, body: bytes, *, order: str = "<", length: int | None = None, trailer: int | None = None) -> bytes:
    """One pcapng block; its two lengths may be wrong."""
    body += bytes(-len(body) % 4)
    told = 12 + len(body) if length is None else length
    return struct.pack(order + "II", kind, told) + body + struct.pack(order + "I", told if trailer is None else trailer)


def section(order: str = "<") -> bytes:
    """A section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order=order)


def interface(link_type: int = 101, *, snap: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    """An interface description block."""
    return block(1, struct.pack(order + "HHI", link_type, 0, snap) + options, order=order)


def enhanced(
    octets: bytes, *, number: int = 0, ticks: int = _START * 10**6, options: bytes = b"", order: str = "<",
    captured: int | None = None, original: int | None = None,
) -> bytes:  # fmt: skip
    """An enhanced packet block."""
    length = len(octets) if captured is None else captured
    wire = len(octets) if original is None else original
    head = struct.pack(order + "IIIII", number, ticks >> 32 & 0xFFFFFFFF, ticks & 0xFFFFFFFF, length, wire)
    return block(6, head + octets + bytes(-len(octets) % 4) + options, order=order)


def names(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A name resolution block: addresses of four or sixteen octets, and names."""
    records = b"".join(
        option(1 if len(address) == 4 else 2, address + name + b"\0") for address, name in pairs
    )  # fmt: skip
    return block(4, records + bytes(4))


def pcapng(packets: Iterable[bytes], link_type: int = 101, *, order: str = "<") -> bytes:
    """A pcapng capture of one interface, a packet a second."""
    blocks = [enhanced(octets, ticks=(_START + n) * 10**6, order=order) for n, octets in enumerate(packets)]
    return b"".join((section(order), interface(link_type, order=order), *blocks))


def boundaries(capture: bytes) -> list[int]:
    """Where the blocks of a whole little-endian pcapng, or the records of a little-endian pcap, begin and end."""
    if capture.startswith(b"\x0a\x0d\x0d\x0a"):
        at, found = 0, [0]
        while at + 12 <= len(capture):
            at += struct.unpack_from("<I", capture, at + 4)[0]
            found.append(at)
        return found
    at, found = 24, [0, 24]
    while at + 16 <= len(capture):
        at += 16 + struct.unpack_from("<I", capture, at + 8)[0]
        found.append(at)
    return found


def recorded() -> list[bytes]:
    """The reference captures of the project, the smallest first."""
    return sorted((path.read_bytes() for path in (PROJECT / "captures").glob("*.pcapng")), key=len)


SMTP_TALK = (
    (True, b"220 mx.example ESMTP\r\n"),
    (False, b"EHLO client.example\r\n"),
    (True, b"250-mx.example\r\n250 PIPELINING\r\n"),
    (False, b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"),
    (True, b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n"),
    (False, b"Subject: hello\r\n\r\nhello\r\n.\r\n"),
    (True, b"250 2.0.0 queued\r\n"),
    (False, b"QUIT\r\n"),
    (True, b"221 bye\r\n"),
)


def small_captures() -> list[bytes]:
    """One small capture of each format and of the layers that are easily got wrong."""
    mail = talk(SMTP_TALK)
    dns = ipv4(udp(bytes.fromhex("000701000001000000000000") + b"\1a\0\0\x0f\0\1"), 17)
    quoted = ipv4(b"\3\1\0\0\0\0\0\0" + mail[0], 1, server=True)
    tagged = bytes(12) + b"\x81\0\0\1" + b"\x88\x47" + b"\0\0\0\1\0\0\1\1" + mail[0]
    pppoe = bytes(12) + b"\x88\x64\x11\0\0\1" + struct.pack(">HH", 2 + len(mail[0]), 0x21) + mail[0]
    chain = ipv6(b"\x3c\0" + bytes(6) + b"\x06\0" + bytes(6) + tcp(b"EHLO x\r\n", 1), 0)
    first = ipv6(b"\x06\0\0\1\0\0\0\7" + tcp(b"abcd", 1), 44)
    second = ipv6(b"\x06\0\0\x18\0\0\0\7" + b"EHLO x\r\n", 44)
    commented = enhanced(dns, options=option(1, b"a comment") + bytes(4))
    named = section() + interface(options=option(2, b"eth0") + option(9, b"\x09") + option(14, bytes(8)))
    named += names([(b"\x0a\0\0\1", b"client"), (bytes(16), b"nobody")]) + commented
    named += block(9, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hi\nA\n\2\0\0\0\0\0\0\0b\n\n\n")
    named += block(10, b"KLST" + b"\4\0\0\0" + b"# no") + block(3, struct.pack("<I", len(dns)) + dns)
    named += block(2, struct.pack("<HHIIII", 0, 0, 0, 0, len(dns), len(dns)) + dns) + block(0xBAD, bytes(4))
    return [
        pcap(mail),
        pcapng([*mail, dns, quoted]),
        pcapng(mail, order=">") + section() + interface(1) + enhanced(bytes(12) + b"\x08\0" + dns),
        pcap([tagged, pppoe], 1, order=">"),
        pcapng([chain, first, second]),
        named,
        gzip.compress(pcap(mail), mtime=0),
    ]
