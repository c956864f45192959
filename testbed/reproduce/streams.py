"""What both ends of a connection said, in order: octets as they are, what TLS hid included where keys open it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.trace.analysis import Analysis
from testbed.trace.flows import CLIENT
from testbed.trace.model.connection import Connection
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import Gap, reassemble
from testbed.trace.tls.session import with_decrypted


@dataclass(slots=True)
class Turn:
    """Octets of one end without a word of the other between them.  Times count from the capture's beginning.

    ``missing`` counts octets that are not in the capture; ``begins_tls`` tells that TLS lies before them.
    """

    by_client: bool
    octets: bytearray
    start_ns: int
    end_ns: int
    frames: list[int]
    missing: int = 0
    begins_tls: bool = False


def turns(analysis: Analysis, connection: Connection) -> list[Turn]:
    """The turns of one connection."""
    found: list[Turn] = []
    for by_client, octets, frame, time_ns, missing, inside in _pieces(analysis, connection):
        begins = inside and not (found and any(turn.begins_tls for turn in found))
        if found and found[-1].by_client == by_client and not begins:
            turn = found[-1]
            turn.octets += octets
            turn.end_ns, turn.missing = time_ns, turn.missing + missing
            turn.frames.append(frame)
        else:
            found.append(Turn(by_client, bytearray(octets), time_ns, time_ns, [frame], missing, begins))
    return found


def _pieces(analysis: Analysis, connection: Connection) -> Iterator[tuple[bool, bytes, int, int, int, bool]]:
    understanding = analysis.understanding
    index = understanding.index(connection.number)
    said = ProxyWatch().over(reassemble(understanding.received(index), understanding.flows.table.octets))
    opened = understanding.decrypted.of(index)
    for item in with_decrypted(said, opened) if opened else said:
        time_ns = item.time_ns - analysis.start_ns
        if isinstance(item, Gap):
            yield item.side == CLIENT, b"", item.frame, time_ns, item.octets, False
        else:
            yield item.side == CLIENT, item.octets, item.frame, time_ns, 0, item.decrypted
