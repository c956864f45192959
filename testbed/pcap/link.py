"""From the link layer to the IP header, a column at a time.  A link type is one function and one row of the table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_PPPOE, _PPP_IPV4, _PPP_IPV6 = 0x8864, 0x0021, 0x0057
_MAX_TAGS = 4
_MPLS = (0x8847, 0x8848)
_MAX_LABELS = 8
_LOOPBACK_FAMILIES_V6 = (10, 24, 28, 30)


def ip_offsets(data: Octets, link_type: int, offset: Ints, end: Ints) -> Ints | None:
    """Where the IP header of each packet begins, -1 for packets that carry no IP.

    ``offset`` and ``end`` are the first octet of each packet and the one after its last; ``end`` is moved where the
    link layer itself tells a shorter length.  None for a link type that cannot be read.
    """
    decode = _LINK_TYPES.get(link_type)
    return None if decode is None else decode(data, offset, end)


def octet(data: Octets, position: Ints) -> Ints:
    """The octets at positions; 0 past the end of the file."""
    if not len(data):
        return np.zeros(len(position), np.int64)
    found = data[np.minimum(position, len(data) - 1)].astype(np.int64)
    return np.where(position < len(data), found, 0)


def word(data: Octets, position: Ints) -> Ints:
    """The 16-bit big-endian numbers at positions; 0 past the end of the file."""
    return octet(data, position) << 8 | octet(data, position + 1)


def _ethernet(data: Octets, offset: Ints, end: Ints) -> Ints:
    return _by_ethertype(data, offset + 12, end)


def _by_ethertype(data: Octets, at: Ints, end: Ints) -> Ints:
    """``at`` is the position of each packet's EtherType; VLAN tags and PPPoE are stepped over."""
    at = at.copy()
    kind = word(data, at)
    for _ in range(_MAX_TAGS):
        tagged = np.isin(kind, _VLAN_TAGS)
        if not tagged.any():
            break
        at[tagged] += 4
        kind = word(data, at)
    ppp = kind == _PPPOE
    if ppp.any():
        at[ppp] += 8  # the last two octets of PPPoE's header and PPP's protocol number take the EtherType's place
        ppp_kind = word(data, at)
        kind = np.where(ppp & (ppp_kind == _PPP_IPV4), _IPV4, kind)
        kind = np.where(ppp & (ppp_kind == _PPP_IPV6), _IPV6, kind)
        told = at + word(data, at - 2)  # PPPoE's own length counts the protocol number
        np.copyto(end, np.minimum(end, told), where=ppp)
    labelled = np.isin(kind, _MPLS)
    if labelled.any():
        return np.where(labelled, _below_labels(data, at + 2, end), _ip_behind(kind, at, end))
    return _ip_behind(kind, at, end)


def _ip_behind(kind: Ints, at: Ints, end: Ints) -> Ints:
    """The octet after an EtherType that says IP, else -1."""
    found = ((kind == _IPV4) | (kind == _IPV6)) & (at + 2 < end)
    return np.where(found, at + 2, -1)


def _below_labels(data: Octets, at: Ints, end: Ints) -> Ints:
    """Below the label stack (RFC 3032): its last entry has the bottom bit set; what follows does not say what it is."""
    at, bottom = at.copy(), np.zeros(len(at), bool)
    for _ in range(_MAX_LABELS):
        this = octet(data, at + 2) & 1 == 1
        at = np.where(bottom, at, at + 4)
        bottom |= this
        if bottom.all():
            break
    return np.where(bottom, _raw(data, at, end), -1)


def _raw(data: Octets, offset: Ints, end: Ints) -> Ints:
    version = octet(data, offset) >> 4
    return np.where(((version == 4) | (version == 6)) & (offset < end), offset, -1)


def _loopback(data: Octets, offset: Ints, end: Ints) -> Ints:
    """BSD null and loop: a 32-bit address family, in the byte order of the machine that captured."""
    first, last = octet(data, offset), octet(data, offset + 3)
    family = np.where(first == 0, last, first)
    found = ((family == 2) | np.isin(family, _LOOPBACK_FAMILIES_V6)) & (offset + 4 < end)
    return np.where(found, offset + 4, -1)


def _cooked(data: Octets, offset: Ints, end: Ints) -> Ints:
    return _by_ethertype(data, offset + 14, end)


def _cooked_v2(data: Octets, offset: Ints, end: Ints) -> Ints:
    kind = word(data, offset)
    found = ((kind == _IPV4) | (kind == _IPV6)) & (offset + 20 < end)
    return np.where(found, offset + 20, -1)


_LINK_TYPES: dict[int, Callable[[Octets, Ints, Ints], Ints]] = {
    0: _loopback,
    1: _ethernet,
    12: _raw,
    14: _raw,
    101: _raw,
    108: _loopback,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked_v2,
}
