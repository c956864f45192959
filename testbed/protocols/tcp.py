"""TCP arithmetic and flags (RFC 9293)."""

from __future__ import annotations

from msgspec import Struct

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

_HALF, _FULL = 1 << 31, 1 << 32
_WINDOW_SCALE, _SACK = 3, 5


def distance(later: int, earlier: int) -> int:
    """How far one sequence number lies after another, negative when before; wraps at 2³²."""
    return (later - earlier + _HALF) % _FULL - _HALF


def flag_names(flags: int) -> str:
    """``SYN``, ``SYN-ACK``, ``FIN-ACK``, ``RST``, ``ACK``; ``none`` for no flag."""
    names = [name for bit, name in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK")) if flags & bit]
    return "-".join(names) or "none"


class Options(Struct, frozen=True):
    """The options the analysis needs.  ``window_scale`` is the shift, None when absent."""

    window_scale: int | None = None
    sack: tuple[tuple[int, int], ...] = ()


def parse_options(octets: bytes) -> Options:
    """Options of a TCP header (RFC 9293 §3.1, RFC 7323 §2, RFC 2018); malformed ones end the list."""
    scale, sack = None, []
    position = 0
    while position < len(octets):
        kind = octets[position]
        if kind == 0:
            break
        if kind == 1:
            position += 1
            continue
        length = octets[position + 1] if position + 1 < len(octets) else 0
        if length < 2 or position + length > len(octets):
            break
        value = octets[position + 2 : position + length]
        if kind == _WINDOW_SCALE and value:
            scale = min(value[0], 14)
        elif kind == _SACK:
            for at in range(0, len(value) - 7, 8):
                sack.append((int.from_bytes(value[at : at + 4], "big"), int.from_bytes(value[at + 4 : at + 8], "big")))
        position += length
    return Options(scale, tuple(sack))
