"""The Internet checksum (RFC 1071) of many packets at a time.

The sum of 16-bit words modulo 65,535 is also that of 32-bit words, in either byte order (RFC 1071 §2), so a stretch of
the file is added up in words of eight octets whose halves are put together first.  A packet's own sum is that of the
words it touches, less the octets of them that are not its own; where it begins at an odd place, the sum's octets change
places.  Sums are kept in little-endian order from there to the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.records import gather

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

UNKNOWN, GOOD, OFFLOADED, BAD = range(4)

_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_PLACE = np.zeros(256, np.int64)  # of the checksum in the transport header
_PLACE[[_TCP, _UDP, _ICMP, _ICMPV6]] = 16, 6, 2, 2
_FULL = 65_535
_STRETCH = 1 << 19  # octets of the file added up at a time, so that they stay in the processor's cache
_WORD = 8
_LOW = np.uint64(0xFFFFFFFF)
_HIGH, _OCTET = np.uint64(32), np.uint64(8)
_SOURCE_ROUTES = (131, 137)  # RFC 791 §3.1
_ROUTING, _HOP_BY_HOP, _DESTINATION = 43, 0, 60
_MAX_EXTENSIONS = 8


def transport_checksums(
    data: Octets, protocol: Ints, v6: NDArray[np.bool_], ip: Ints, transport: Ints, end: Ints, captured: Ints
) -> NDArray[np.uint8]:
    """What the checksums of TCP, UDP, ICMP and ICMPv6 packets are worth, one number a packet.

    The columns tell, as positions in ``data``, where the IP header and the transport header of each packet begin,
    where the packet ends by its IP length, and where its captured octets end.  No packet is a fragment.

    GOOD and BAD say what they mean.  UNKNOWN: the packet was not captured whole, it carries none (UDP over IPv4), it is
    of another protocol, or a source route hides the address it was made with.  OFFLOADED: the sender left it to its
    card, so the field holds the sum of the pseudo-header alone, with or without the length, or for TCP nothing.
    """
    result = np.full(len(protocol), UNKNOWN, np.uint8)
    udp = np.flatnonzero(protocol == _UDP)
    if len(udp):
        told = gather(data, transport[udp], _WORD).view(">u2")[:, 2].astype(np.int64)
        end = end.copy()
        end[udp] = np.where(told >= _WORD, np.minimum(end[udp], transport[udp] + told), end[udp])
    place = _PLACE[protocol]
    whole = np.flatnonzero((place > 0) & (transport + place + 2 <= end) & (end <= np.minimum(captured, len(data))))
    if len(whole) < len(protocol):
        protocol, v6, ip, transport, end = protocol[whole], v6[whole], ip[whole], transport[whole], end[whole]
    pseudo = _pseudo_headers(data, protocol, v6, ip)
    bare = np.flatnonzero((protocol == _ICMP) & ~v6)
    length = (end - transport).astype(np.uint64) << _OCTET
    pseudo[bare] = length[bare] = 0
    total = _sums(data, transport, end)
    total += pseudo
    total += length
    verdict = np.where(total % _FULL == 0, GOOD, BAD).astype(np.uint8)
    n = np.flatnonzero((verdict == BAD) | (protocol == _UDP))
    if len(n):
        verdict[n] = _excused(data, verdict[n], protocol[n], v6[n], ip[n], transport[n], pseudo[n], length[n])
    result[whole] = verdict
    return result


def ipv4_header_checksums(data: Octets, ip: Ints, captured: Ints) -> NDArray[np.uint8]:
    """What the header checksums of IPv4 packets are worth: GOOD, BAD, OFFLOADED (nothing in the field) or UNKNOWN."""
    header = gather(data, ip, 20)
    size = (header[:, 0] & 15).astype(np.int64) * 4
    words = header.view("<u4").astype(np.uint64)
    total = words[:, 0] + words[:, 1] + words[:, 2] + words[:, 3] + words[:, 4]
    longer = np.flatnonzero((size > 20) & (ip + size <= captured))
    if len(longer):
        total[longer] += _sums(data, ip[longer] + 20, ip[longer] + size[longer])
    verdict = np.where(total % _FULL == 0, GOOD, BAD).astype(np.uint8)
    verdict[(verdict == BAD) & (header.view("<u2")[:, 5] == 0)] = OFFLOADED
    verdict[(size < 20) | (ip + np.maximum(size, 20) > captured)] = UNKNOWN
    return verdict


def _pseudo_headers(data: Octets, protocol: Ints, v6: NDArray[np.bool_], ip: Ints) -> NDArray[np.uint64]:
    """The sums of pseudo-headers without the length (RFC 9293 §3.1, RFC 8200 §8.1)."""
    addresses = gather(data, ip + 12, _WORD).view("<u8")[:, 0]
    pseudo: NDArray[np.uint64] = (addresses & _LOW) + (addresses >> _HIGH)
    six = np.flatnonzero(v6)
    if len(six):
        pseudo[six] = gather(data, ip[six] + 8, 32).view("<u4").sum(axis=1, dtype=np.uint64)
    pseudo += protocol.astype(np.uint64) << _OCTET
    return pseudo


def _excused(
    data: Octets,
    verdict: NDArray[np.uint8],
    protocol: Ints,
    v6: NDArray[np.bool_],
    ip: Ints,
    transport: Ints,
    pseudo: NDArray[np.uint64],
    length: NDArray[np.uint64],
) -> NDArray[np.uint8]:
    """The verdict on checksums that are wrong or may have been left out."""
    field = gather(data, transport + _PLACE[protocol], 2).view("<u2")[:, 0].astype(np.uint64)
    partial = (field % _FULL == (pseudo + length) % _FULL) | (field % _FULL == pseudo % _FULL)
    empty, udp = field == 0, protocol == _UDP
    left = (partial & ~empty & (pseudo > 0)) | (empty & (protocol == _TCP))
    verdict = np.where(left & (verdict == BAD), OFFLOADED, verdict).astype(np.uint8)
    verdict[udp & empty] = np.where(v6[udp & empty], BAD, UNKNOWN)  # RFC 8200 §8.1
    longer = (verdict == BAD) & (transport - ip > np.where(v6, 40, 20)) & (pseudo > 0)
    for n in np.flatnonzero(longer).tolist():
        if _source_routed(data[int(ip[n]) : int(transport[n])].tobytes()):
            verdict[n] = UNKNOWN
    return verdict


def _sums(data: Octets, start: Ints, stop: Ints) -> NDArray[np.uint64]:
    """The sum of the 16-bit words from each ``start`` up to ``stop``, as a number to be taken modulo 65,535.

    No stretch is empty.
    """
    if len(start) and (np.diff(start) < 0).any():
        order = np.argsort(start, kind="stable")
        result = np.empty(len(start), np.uint64)
        result[order] = _sums(data, start[order], stop[order])
        return result
    parts, at = [], 0
    while at < len(start):
        first = int(start[at])
        after = int(np.searchsorted(start, first + _STRETCH))
        here = slice(at, after)
        last = int(stop[here].max())
        parts.append(_stretch(data[first:last], start[here] - first, stop[here] - first))
        at = after
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def _stretch(data: Octets, start: Ints, stop: Ints) -> NDArray[np.uint64]:
    octets = np.empty((len(data) // _WORD + 2) * _WORD, np.uint8)
    octets[: len(data)] = data
    octets[len(data) :] = 0
    words = octets.view("<u8")
    halves = words >> _HIGH
    halves += words & _LOW
    edges = np.empty(2 * len(start), np.int64)
    edges[::2], edges[1::2] = start >> 3, (stop + 7) >> 3
    total = np.add.reduceat(halves, edges)[::2]
    before = words[start >> 3] & _BELOW[start & 7]
    behind = words[stop >> 3] & _FROM[stop & 7]
    total -= (before & _LOW) + (before >> _HIGH) + (behind & _LOW) + (behind >> _HIGH)
    total <<= (start & 1).astype(np.uint64) << np.uint64(3)
    return total


_BELOW = np.array([(1 << 8 * n) - 1 for n in range(8)], np.uint64)  # the octets of a word before a place in it
_FROM = np.array([0, *(2**64 - (1 << 8 * n) for n in range(1, 8))], np.uint64)  # and those from there on


def _source_routed(header: bytes) -> bool:
    """Whether the destination in the headers before the transport's is not the last one."""
    if header[0] >> 4 == 4:
        at = 20
        while at + 1 < len(header) and header[at]:
            if header[at] in _SOURCE_ROUTES:
                return True
            at += 1 if header[at] == 1 else max(2, header[at + 1])
        return False
    kind, at = header[6], 40
    for _ in range(_MAX_EXTENSIONS):
        if at + 8 > len(header):
            break
        if kind == _ROUTING and header[at + 3]:
            return True
        kind, at = header[at], at + ((header[at + 1] + 1) * 8 if kind in (_ROUTING, _HOP_BY_HOP, _DESTINATION) else 8)
    return False
