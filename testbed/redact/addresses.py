"""IP addresses replaced by others of the same kind, whose text is as long, and whose networks stay networks.

Two that share their first octets (IPv6: groups) share those of their replacements.  Each decimal octet keeps how many
digits it has, each group how many hexadecimal digits.  What says nothing about anybody stays: loopback, multicast,
unspecified, broadcast.  Private, shared, link-local, reserved and documentation networks are themselves (RFC 6890).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Network, IPv6Address

from testbed.redact.permutation import Permutation

_KEPT_V4 = (0, 127, *range(224, 240), 255)  # first octets
_NETWORKS_V4 = tuple(
    (network.network_address.packed, network.broadcast_address.packed)
    for network in map(
        IPv4Network,
        (
            "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
        ),
    )
)  # fmt: skip
_MAPPED, _NAT64 = bytes(10) + b"\xff\xff", bytes.fromhex("0064ff9b") + bytes(8)  # RFC 4291 §2.5.5.2, RFC 6052 §2.1
_DOCUMENTATION = (0x2001, 0x0DB8)
_GLOBAL, _LOCAL = range(0x2000, 0x4000), range(0xFC00, 0xFE00)


class Addresses:
    """The addresses of one redaction."""

    def __init__(self, key: bytes) -> None:
        self._permutation = Permutation(key)
        self.packed = lru_cache(1 << 16)(self._packed)

    def text(self, text: bytes) -> bytes | None:
        """The replacement of an address in text, as it is written; None for what is none."""
        if b":" not in text:
            octets = text.split(b".")
            if len(octets) != 4 or not all(o.isdigit() and len(o) < 4 and int(o) < 256 for o in octets):
                return None
            if any(len(o) > 1 and o[:1] == b"0" for o in octets):
                return None
            return b".".join(b"%d" % o for o in self.packed(bytes(map(int, octets))))
        return self._text_v6(text)

    def _packed(self, address: bytes) -> bytes:
        """The replacement of an address of 4 or 16 octets."""
        return self._v4(address) if len(address) == 4 else self._v6(address)

    def _v4(self, address: bytes) -> bytes:
        if address[0] in _KEPT_V4:
            return address
        return bytes(self._octet(address[:place], address[place]) for place in range(4))

    def _octet(self, before: bytes, octet: int) -> int:
        alike = _alike(before)[octet]
        return alike[self._permutation.moved(alike.index(octet), len(alike), b"v4" + before)]

    def _v6(self, address: bytes) -> bytes:
        if address[0] == 0xFF:
            return address[:13] + self._permutation.octets(address, 3) if address[11:13] == b"\1\xff" else address
        if not any(address[:15]) and address[15] < 2:
            return address
        if address[:12] in (_MAPPED, _NAT64):
            return address[:12] + self._v4(address[12:])
        groups = [int.from_bytes(address[at : at + 2], "big") for at in range(0, 16, 2)]
        return b"".join(self._group(address[: 2 * n], groups[:n], group) for n, group in enumerate(groups))

    def _group(self, before: bytes, groups: list[int], group: int) -> bytes:
        if (group == _DOCUMENTATION[0] and not groups) or (*groups, group) == _DOCUMENTATION or not group:
            return group.to_bytes(2, "big")
        among = range(1 << 4 * (max(1, (group.bit_length() + 3) // 4) - 1), 1 << 4 * ((group.bit_length() + 3) // 4))
        taken = -1  # a value others may not come to have
        if not groups:
            among = next((kind for kind in (_GLOBAL, _LOCAL) if group in kind), range(group, group + 1))
            taken = _DOCUMENTATION[0] if group in _GLOBAL else -1
        elif groups == [_DOCUMENTATION[0]]:
            taken = _DOCUMENTATION[1]
        count = len(among) - (taken in among)
        place = among.index(group) - (0 <= taken < group and taken in among)
        place = self._permutation.moved(place, count, b"v6" + before)
        found = among[place]
        return (found + (taken in among and found >= taken)).to_bytes(2, "big")

    def _text_v6(self, text: bytes) -> bytes | None:
        try:
            old = IPv6Address(text.decode("ascii")).packed
        except (AddressValueError, UnicodeDecodeError):
            return None
        new = self.packed(old)
        left, compressed, right = text.partition(b"::")
        parts = [part for part in left.split(b":") if part]
        behind = [part for part in right.split(b":") if part]
        last = (behind or parts)[-1:]
        if last and b"." in last[0]:
            if old[:12] not in (_MAPPED, _NAT64):
                return None
            tail = b".".join(b"%d" % octet for octet in new[12:])
            return text[: len(text) - len(last[0])] + tail
        written = [_written(part, new, n) for n, part in enumerate(parts)]
        rest = [_written(part, new, 8 - len(behind) + n) for n, part in enumerate(behind)]
        return b":".join(written) + compressed + b":".join(rest)


def _written(old: bytes, address: bytes, place: int) -> bytes:
    """A group of a new address, in as many digits as the old one was written with."""
    digits = b"%0*x" % (len(old), int.from_bytes(address[2 * place : 2 * place + 2], "big"))
    return digits.upper() if old != old.lower() else digits


@lru_cache(1 << 10)
def _alike(before: bytes) -> list[list[int]]:
    """For each octet that may follow some others, those it may become: of as many digits, in the same network."""
    groups: dict[tuple[int, object], list[int]] = {}
    for octet in range(256):
        if not before and octet in _KEPT_V4:
            continue
        groups.setdefault((len(str(octet)), _network(before + bytes((octet,)))), []).append(octet)
    members = {octet: group for group in groups.values() for octet in group}
    return [members.get(octet, [octet]) for octet in range(256)]


def _network(start: bytes) -> object:
    """Which network an address that begins so is in; the beginning itself where that is not settled."""
    low, high = start + bytes(4 - len(start)), start + b"\xff" * (4 - len(start))
    for first, last in _NETWORKS_V4:
        if first <= low and high <= last:
            return first
        if low <= last and first <= high:
            return start
    return None
