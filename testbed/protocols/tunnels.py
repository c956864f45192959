"""How a client has a proxy open a tunnel: SOCKS 5 (RFC 1928, 1929), SOCKS 4 and 4a, HTTP's CONNECT (RFC 9110 §9.3.6).

What follows in a tunnel is a dialogue with somebody else.
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import ip_address

from msgspec import Struct

BEGINNINGS = (b"\x05", b"\x04\x01", b"CONNECT ")
MAIL_PORTS = frozenset((24, 25, 110, 143, 465, 587, 993, 995, 2525, 4190))

_CONNECT = re.compile(rb"CONNECT ([^\s:]+|\[[^\s\]]+\]):(\d{1,5}) HTTP/1\.[01]\r?\n", re.I)
_ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r?\n")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_GREETINGS = (b"220", b"+OK", b"* ")
_SOCKS_5_ERRORS = {
    1: "general failure",
    2: "its rules do not allow it",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
    6: "it took too long",
    7: "it does not know this command",
    8: "it does not know this kind of address",
}
_NO_METHOD, _PASSWORD = 0xFF, 2
_GRANTED_4 = 90


class Unsettled(Enum):
    """What octets are that open no tunnel."""

    NONE = "none"  # and never will
    MORE = "more"  # but may, once more of them have come


class Tunnel(Struct, frozen=True):
    """``target`` and ``port`` are whom the proxy was to reach; ``error`` is why it did not, ``""`` where it did.

    ``octets`` are how many of client and server belong to the opening.
    """

    kind: str
    target: str
    port: int
    octets: tuple[int, int]
    error: str = ""


def parse_tunnel(client: bytes, server: bytes) -> Tunnel | Unsettled:
    """The opening of a tunnel at the beginning of what both sides said."""
    try:
        if client[:1] == b"\x05":
            return _socks_5(client, server)
        if client[:2] == b"\x04\x01":
            return _socks_4(client, server)
    except IndexError:
        return Unsettled.MORE
    if client[:8].upper() == BEGINNINGS[2]:
        return _http(client, server)
    return Unsettled.MORE if any(beginning.startswith(client.upper()) for beginning in BEGINNINGS) else Unsettled.NONE


def _socks_5(client: bytes, server: bytes) -> Tunnel | Unsettled:
    kind, at, back = "a SOCKS 5 proxy", 2 + client[1], 2
    if not client[1] or (server and server[0] != 5):
        return Unsettled.NONE
    if server[1] == _NO_METHOD:
        return Tunnel(kind, "", 0, (at, back), "it takes none of the client's methods to log in")
    if server[1] == _PASSWORD:
        at += 2 + client[at + 1]
        at += 1 + client[at]
        back += 2
        if server[back - 1]:
            return Tunnel(kind, "", 0, (at, back), "it refused name or password")
    if client[at] != 5:
        return Unsettled.NONE
    name, port, at = _address(client, at + 3)
    if server[back] != 5:
        return Unsettled.NONE
    error = _SOCKS_5_ERRORS.get(server[back + 1], "unknown failure") if server[back + 1] else ""
    if error and len(server) < back + 10:
        return Tunnel(kind, f"{name}:{port}", port, (at, len(server)), error)
    _, _, back = _address(server, back + 3)
    return Tunnel(kind, f"{name}:{port}", port, (at, back), error)


def _address(octets: bytes, at: int) -> tuple[str, int, int]:
    """A name or an address, a port, and where they end."""
    family = octets[at]
    end = at + 1 + {1: 4, 4: 16}.get(family, 1 + octets[at + 1] if family == 3 else 0)
    port = octets[end] << 8 | octets[end + 1]
    if family == 3:
        name = octets[at + 2 : end].decode("ascii", "backslashreplace")
    else:
        name = str(ip_address(octets[at + 1 : end])) if end > at + 1 else ""
    return (f"[{name}]" if ":" in name else name), port, end + 2


def _socks_4(client: bytes, server: bytes) -> Tunnel | Unsettled:
    port, address = client[2] << 8 | client[3], client[4:8]
    end = client.find(b"\0", 8)
    if end < 0:
        return Unsettled.MORE
    kind, name = "a SOCKS 4 proxy", ".".join(map(str, address))
    if address[:3] == b"\0\0\0" and address[3]:
        end, begin = client.find(b"\0", end + 1), end + 1
        if end < 0:
            return Unsettled.MORE
        kind, name = "a SOCKS 4a proxy", client[begin:end].decode("ascii", "backslashreplace")
    if server and server[0]:
        return Unsettled.NONE
    error = "" if server[1] == _GRANTED_4 else "it refused, or failed"
    return Tunnel(kind, f"{name}:{port}", port, (end + 1, 8), error) if server[7:8] else Unsettled.MORE


def _http(client: bytes, server: bytes) -> Tunnel | Unsettled:
    """One that is refused is left to whoever reads HTTP; so is one to a port where no mail is spoken, unless it is."""
    asked, end = _CONNECT.match(client), _HEADER_END.search(client)
    if asked is None or end is None:
        return Unsettled.NONE if asked is None and b"\n" in client else Unsettled.MORE
    answer, back = _ANSWER.match(server), _HEADER_END.search(server)
    if answer is None or back is None:
        return Unsettled.NONE if answer is None and b"\n" in server else Unsettled.MORE
    port = int(asked[2])
    inside = server[back.end() :]
    if not answer[1].startswith(b"2"):
        return Unsettled.NONE
    if port not in MAIL_PORTS and not inside.startswith(_GREETINGS):
        return Unsettled.NONE if inside[3:] or client[end.end() :] else Unsettled.MORE
    name = asked[1].decode("ascii", "backslashreplace")
    return Tunnel("an HTTP proxy", f"{name}:{port}", port, (end.end(), back.end()))
