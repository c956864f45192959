"""The header of the PROXY protocol before a dialogue, which is no part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from testbed.protocols.proxy_header import parse_proxy_header
from testbed.trace.flows import CLIENT
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.tcp.reassembly import Chunk, Gap

_WORDS = "PROXY header"


class ProxyWatch:
    """Takes the header out of what both sides said, and tells of it."""

    def __init__(self) -> None:
        self._remarks = Remarks()
        self.steps: tuple[tuple[int, int, str], ...] = ()
        """Frame, side and name of the header, if there was one."""

    def over(self, items: Iterable[Chunk | Gap]) -> Iterator[Chunk | Gap]:
        """The items without the header."""
        first = True
        for item in items:
            if first and item.side == CLIENT:
                first = False
                header = parse_proxy_header(item.octets) if isinstance(item, Chunk) else None
                if header is not None and isinstance(item, Chunk):
                    self.steps = ((item.frame, CLIENT, _WORDS),)
                    whose = f"of {header.source}, the true client" if header.source else "its own"
                    self._remarks.note("proxy-header", (item.frame,), f"{whose} (version {header.version})")
                    item = replace(item, octets=item.octets[header.octets :])
                    if not item.octets:
                        continue
            yield item

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark, once all items were taken."""
        return self._remarks.in_order()
