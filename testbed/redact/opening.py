"""What stands before a dialogue: a header of the PROXY protocol, or the opening of a tunnel through SOCKS."""

from __future__ import annotations

from testbed.protocols.proxy_header import SIGNATURE, parse_proxy_header
from testbed.protocols.tunnels import Tunnel, parse_tunnel
from testbed.redact.dialogues.dialogue import CLIENT, SERVER, Tools
from testbed.redact.dialogues.http import Http

_ADDRESSES = {1: 4, 2: 16}  # octets by family (PROXY protocol §2.2)
_SOCKS_5, _SOCKS_4 = 5, 4
_NAME = 3


def opening(client: bytes, server: bytes, tools: Tools) -> tuple[bytes, bytes]:
    """What stands in its place for both sides, as long as it is; nothing where there is none.

    ``client`` and ``server`` are the first octets of both.
    """
    header = parse_proxy_header(client)
    if header is not None:
        head = client[: header.octets]
        return (_version_2(head, tools) if head.startswith(SIGNATURE) else tools.texts.sentence(head)), b""
    tunnel = parse_tunnel(client, server)
    if not isinstance(tunnel, Tunnel):
        return b"", b""
    asked, answered = client[: tunnel.octets[0]], server[: tunnel.octets[1]]
    if client[:1] not in (b"\x05", b"\x04"):
        http = Http(tools)
        return _lines(http, CLIENT, asked), _lines(http, SERVER, answered)
    try:
        return _asked(bytearray(asked), bytes(answered), tools), _answered(bytearray(answered), tools)
    except IndexError:
        return tools.filler.octets(asked), tools.filler.octets(answered)


def _lines(http: Http, side: int, octets: bytes) -> bytes:
    return b"".join(http.line(side, line) for line in octets.splitlines(keepends=True))


def _version_2(head: bytes, tools: Tools) -> bytes:
    new, at = bytearray(head), 16
    size = _ADDRESSES.get(head[13] >> 4, 0)
    if size and len(head) >= at + 2 * size:
        for start in (at, at + size):
            new[start : start + size] = tools.texts.addresses.packed(head[start : start + size])
        at += 2 * size + 4
    new[at:] = tools.filler.octets(head[at:])
    return bytes(new)


def _asked(new: bytearray, answered: bytes, tools: Tools) -> bytes:
    if new[0] == _SOCKS_4:
        name = new.index(0, 8)
        new[8:name] = tools.texts.names(bytes(new[8:name]))
        if any(new[4:7]):
            new[4:8] = tools.texts.addresses.packed(bytes(new[4:8]))
        elif len(new) > name + 2:
            new[name + 1 : -1] = tools.texts.host(bytes(new[name + 1 : -1]))
        return bytes(new)
    at = 2 + new[1]
    if answered[1:2] == b"\x02":
        for _ in range(2):
            at += 1
            size = new[at]
            new[at + 1 : at + 1 + size] = tools.texts.names(bytes(new[at + 1 : at + 1 + size]))
            at += size
        at += 1
    return _address(new, at + 3, tools)


def _answered(new: bytearray, tools: Tools) -> bytes:
    if new[:1] != b"\x05":
        return bytes(new)
    return _address(new, (4 if new[1] == 2 else 2) + 3, tools)


def _address(new: bytearray, at: int, tools: Tools) -> bytes:
    """Replace an address of SOCKS 5 behind its kind (RFC 1928 §5)."""
    if at >= len(new):
        return bytes(new)
    start = at + 2 if new[at] == _NAME else at + 1
    end = len(new) - 2
    old = bytes(new[start:end])
    if new[at] == _NAME:
        new[start:end] = tools.texts.host(old)
    elif len(old) in (4, 16):
        new[start:end] = tools.texts.addresses.packed(old)
    return bytes(new)
