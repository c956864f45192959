"""What stands before a dialogue and is no part of it: a header of the PROXY protocol, or the opening of a tunnel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from testbed.protocols.proxy_header import SIGNATURE, parse_proxy_header
from testbed.protocols.text import decoded
from testbed.protocols.tunnels import Unsettled, parse_tunnel
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.tcp.reassembly import Chunk, Gap

_MOST = 8_192  # octets that are looked at
_FIRST_WORD = b"PROXY "


class ProxyWatch:
    """Takes it out of what both sides said, and tells of it."""

    def __init__(self) -> None:
        self._remarks = Remarks()
        self.port = 0
        """Of the server behind a proxy, 0 where there is none."""
        self.steps: tuple[tuple[int, int, str], ...] = ()
        """Frame, side and name of each packet of it."""

    def over(self, items: Iterable[Chunk | Gap]) -> Iterator[Chunk | Gap]:
        """The items without it."""
        source, held, heads = iter(items), list[Chunk | Gap](), (bytearray(), bytearray())
        skip: tuple[int, int] | None = None
        for item in source:
            held.append(item)
            if isinstance(item, Gap):
                if item.octets:
                    break
                continue
            heads[item.side].extend(item.octets)
            skip = self._look(bytes(heads[0]), bytes(heads[1]), held)
            if skip is not None or sum(map(len, heads)) > _MOST:
                break
        yield from _without(held, skip or (0, 0))
        yield from source

    def _look(self, client: bytes, server: bytes, held: list[Chunk | Gap]) -> tuple[int, int] | None:
        """How many octets of either side are no part of the dialogue, None while that is not known."""
        if not client:
            return None
        header = parse_proxy_header(client)
        if header is not None:
            frames = self._name(held, (header.octets, 0), "PROXY header")
            whose = f"of {header.source}, the true client" if header.source else "its own"
            self._remarks.note("proxy-header", frames, f"{whose} (version {header.version})")
            return header.octets, 0
        if _may_be_header(client):
            return None
        tunnel = parse_tunnel(client, server)
        if isinstance(tunnel, Unsettled):
            return None if tunnel is Unsettled.MORE else (0, 0)
        frames = self._name(held, tunnel.octets, "opening of a tunnel")
        target = decoded(tunnel.target.encode())[:100]
        if tunnel.error:
            what = f"{tunnel.kind}, did not connect its client" + (f" to {target}" if target else "")
            self._remarks.note("tunnel-refused", frames, f"server, {what}: {tunnel.error}")
        else:
            self.port = tunnel.port
            self._remarks.note("tunnel", frames, f"client, {tunnel.kind}, to {target}")
        return tunnel.octets

    def _name(self, held: list[Chunk | Gap], octets: tuple[int, int], words: str) -> tuple[int, ...]:
        """Name the packets that so many octets of either side came in."""
        left, steps = list(octets), []
        for item in held:
            if isinstance(item, Chunk) and left[item.side] > 0:
                left[item.side] -= len(item.octets)
                steps.append((item.frame, item.side, words))
        self.steps = tuple(steps)
        return tuple(frame for frame, _, _ in steps)

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark, once all items were taken."""
        return self._remarks.in_order()


def _may_be_header(client: bytes) -> bool:
    """Whether more octets may make it a header: it may come in pieces."""
    if client.startswith(SIGNATURE[: len(client)]):
        return True
    return client[:6] == _FIRST_WORD[: len(client)] and b"\n" not in client


def _without(held: list[Chunk | Gap], skip: tuple[int, int]) -> Iterator[Chunk | Gap]:
    left = list(skip)
    for item in held:
        if isinstance(item, Chunk) and left[item.side]:
            octets = item.octets[left[item.side] :]
            left[item.side] -= len(item.octets) - len(octets)
            if not octets:
                continue
            item = replace(item, octets=octets)
        yield item
