"""What became of packets on their way: lost, damaged, doubled, late, answered by routers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.protocols.tcp import ACK, FIN, RST, SYN
from testbed.reproduce.draft import Data, Part
from testbed.reproduce.runs import windows
from testbed.reproduce.visits import Visit
from testbed.trace.analysis import Analysis
from testbed.trace.flows import CLIENT, SERVER, Flow
from testbed.trace.model.connection import Connection, Handshake

_PAIRS = {"segment-corrupted": "corrupt", "packet-truncated": "truncate"}
_AGAIN = {"syn-ack-lost": "SYN-ACK", "third-ack-lost": "third ACK", "fin-lost": "FIN", "fin-ack-lost": "last ACK"}
_WHAT = (
    "source route",
    "net prohibited",
    "host prohibited",
    "protocol",
    "prohibited",
    "net",
    "host",
    "port",
)
_MOST = 40  # faults of one connection


class _Seen(Struct, frozen=True):
    """A connection with its packets; ``number`` counts those between its hosts, 0 where it is the only one."""

    connection: Connection
    flow: Flow
    client: str
    server: str
    number: int
    start_ns: int

    def between(self, side: int) -> list[str]:
        """From one side to the other."""
        return [self.client, self.server] if side == CLIENT else [self.server, self.client]

    def place(self, frame: int) -> int | None:
        """Where a frame is among the packets."""
        return self.flow.frame.index(frame) if frame in self.flow.frame else None

    def which(self, place: int) -> Data:
        """How a fault names a packet: by an octet it carries, or by its kind."""
        flow = self.flow
        flags, side = flow.flags[place], flow.side[place]
        if flags & SYN:
            return {"packets": "SYN-ACK" if flags & ACK else "SYN"}
        if flow.length[place]:
            return {"octet": self._octet(place)}
        if flags & FIN:
            return {"packets": "FIN"}
        if flags & RST:
            return {"packets": "RST"}
        own = [p for p in range(place) if flow.side[p] == side and not flow.flags[p] & SYN]
        return {"packets": "third ACK" if side == CLIENT and not own else "ACK"}

    def _octet(self, place: int) -> int:
        flow, side = self.flow, self.flow.side[place]
        begins = [p for p in range(len(flow)) if flow.side[p] == side]
        first = flow.sequence[begins[0]] + bool(flow.flags[begins[0]] & SYN)
        return (flow.sequence[place] - first) % 2**32 + 1


def wire(analysis: Analysis, visits: Sequence[Visit]) -> Iterator[Part]:
    """Faults of packets."""
    counts = Counter((visit.client.name, visit.server.name) for visit in visits)
    seen: Counter[tuple[str, str]] = Counter()
    for visit in visits:
        ends = visit.client.name, visit.server.name
        seen[ends] += 1
        number = seen[ends] if counts[ends] > 1 else 0
        flow = analysis.understanding.flows[analysis.understanding.index(visit.connection.number)]
        yield from _faults(_Seen(visit.connection, flow, *ends, number, visit.start_ns))
    yield from _never_opened(analysis, visits)


def _faults(seen: _Seen) -> Iterator[Part]:
    found: list[tuple[Data, tuple[int, ...]]] = []
    if seen.connection.opening.handshake is Handshake.COMPLETE:
        found += _lost_openings(seen)
    exchanges = seen.connection.exchanges
    for remark in seen.connection.transport.remarks:
        frames = remark.frames
        if remark.code in _PAIRS:
            found += _damaged(seen, _PAIRS[remark.code], frames)
        elif remark.code in _AGAIN and seen.connection.opening.handshake is Handshake.COMPLETE:
            found += _again(seen, remark.code, frames)
        elif remark.code == "packet-duplicated":
            found += _doubled(seen, frames)
        elif remark.code == "segment-reordered":
            behind: Data = {"reorder": 1, "times": 1}
            found += [({**_at(seen, frame), **behind}, (frame,)) for frame in frames if _at(seen, frame)]
        elif remark.code == "icmp-unreachable" and seen.connection.opening.handshake is Handshake.COMPLETE:
            found += _unreachable(seen, remark.detail, frames)
        elif remark.code == "path-mtu-told":
            found += _mtu(seen, frames)
        elif remark.code == "large-packets-lost":
            found += _black_hole(seen, frames)
        elif remark.code == "window-closed" and all(e.command is None or e.command.whole for e in exchanges):
            found += _closed_window(seen, frames)
    found += _lost_segments(seen)
    for data, frames in found[:_MOST]:
        where: Data = {"between": data.pop("between")}
        if seen.number:
            data = {"connection": seen.number, **data}
        yield Part({**where, **data}, frames, seen.start_ns)


def _at(seen: _Seen, frame: int) -> Data:
    place = seen.place(frame)
    return {} if place is None else {"between": seen.between(seen.flow.side[place]), **seen.which(place)}


def _lost_openings(seen: _Seen) -> Iterator[tuple[Data, tuple[int, ...]]]:
    frames = seen.connection.opening.syn_frames
    told = {remark.code for remark in seen.connection.transport.remarks}
    damaged = told & {"segment-corrupted", "packet-truncated", "packet-duplicated", "syn-ack-lost"}
    if len(frames) > 1 and not damaged:
        yield {"between": seen.between(CLIENT), "packets": "SYN", "lose": len(frames) - 1}, frames


def _damaged(seen: _Seen, what: str, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    for frame, _again_at in zip(frames[::2], frames[1::2], strict=False):
        if at := _at(seen, frame):
            yield {**at, what: 1}, (frame,)


def _again(seen: _Seen, code: str, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    place = seen.place(frames[0])
    if place is None:
        return
    side = seen.flow.side[place]
    sender = side if code in ("fin-lost", "syn-ack-lost") else 1 - side
    yield {"between": seen.between(sender), "packets": _AGAIN[code], "lose": max(1, len(frames) - 1)}, frames


def _doubled(seen: _Seen, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    kinds: dict[tuple[int, str], list[int]] = defaultdict(list)
    for frame in frames:
        place = seen.place(frame)
        if place is not None:
            which = seen.which(place)
            kinds[seen.flow.side[place], str(which.get("packets", "data"))].append(frame)
    for (side, kind), doubled in kinds.items():
        packets = "ACK" if kind == "third ACK" else kind
        many: object = "always" if len(doubled) > 2 else 1
        yield {"between": seen.between(side), "packets": packets, "duplicate": many}, tuple(doubled)


def _unreachable(seen: _Seen, detail: str, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    what = next((word for word in _WHAT if word in detail), "host")
    flow = seen.flow
    before = [p for p in range(len(flow)) if flow.frame[p] < frames[0] and flow.length[p]]
    if before:
        place = before[-1]
        yield {"between": seen.between(flow.side[place]), **seen.which(place), "unreachable": what, "times": 1}, frames


def _mtu(seen: _Seen, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    flow = seen.flow
    later = [p for p in range(len(flow)) if flow.frame[p] > frames[0] and flow.side[p] == CLIENT]
    passed = max((flow.length[p] for p in later), default=960)
    yield {"between": seen.between(CLIENT), "mtu": min(1499, max(68, passed + 40))}, frames


def _black_hole(seen: _Seen, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    flow = seen.flow
    place = seen.place(frames[0])
    side = CLIENT if place is None else flow.side[place]
    lost = set(frames)
    passed = max(
        (flow.length[p] for p in range(len(flow)) if flow.side[p] == side and flow.frame[p] not in lost), default=0
    )
    yield (
        {"between": seen.between(side), "larger_than": min(1400, max(576, min(passed, 536) + 40)), "lose": "always"},
        frames,
    )


def _closed_window(seen: _Seen, frames: tuple[int, ...]) -> Iterator[tuple[Data, tuple[int, ...]]]:
    """Acknowledgements that said window 0, counted as the wire does: behind the third ACK."""
    flow, place = seen.flow, seen.place(frames[0])
    if place is None:
        return
    side = flow.side[place]
    own = [p for p in range(len(flow)) if flow.side[p] == side and not flow.flags[p] & (SYN | FIN | RST)]
    plain = [p for p in own if not flow.length[p]]
    if side == CLIENT:
        plain = plain[1:]  # the third ACK
    if place in plain:
        nth = plain.index(place) + 1
        data: Data = {"between": seen.between(side), "packets": "ACK", "phase": "transfer"}
        yield {**data, **({"nth": nth} if nth > 1 else {}), "zero_window": len(frames)}, frames


def _lost_segments(seen: _Seen) -> Iterator[tuple[Data, tuple[int, ...]]]:
    lost: dict[tuple[int, int], list[int]] = defaultdict(list)
    for frame in seen.connection.transport.retransmitted_frames:
        place = seen.place(frame)
        if place is not None and seen.flow.length[place]:
            which = seen.which(place)
            octet = which["octet"]
            assert isinstance(octet, int)
            lost[seen.flow.side[place], octet].append(frame)
    for (side, octet), frames in lost.items():
        yield {"between": seen.between(side), "octet": octet, "lose": len(frames)}, tuple(frames)


def _never_opened(analysis: Analysis, visits: Sequence[Visit]) -> Iterator[Part]:
    """Connections that were answered and never opened: what was lost then, and when."""
    tried: dict[tuple[str, str], list[tuple[int, str, tuple[int, ...]]]] = defaultdict(list)
    for visit in visits:
        lost = ""
        if visit.connection.opening.handshake is Handshake.INCOMPLETE:
            flow = analysis.understanding.flows[analysis.understanding.index(visit.connection.number)]
            answered = [p for p in range(len(flow)) if flow.side[p] == SERVER and flow.flags[p] & SYN]
            acked = [p for p in range(len(flow)) if flow.side[p] == CLIENT and not flow.flags[p] & (SYN | RST)]
            lost = "third ACK" if acked and answered else "SYN-ACK"
        tried[visit.client.name, visit.server.name].append((visit.start_ns, lost, visit.frames))
    for (client, server), events in tried.items():
        for window in windows(events):
            if window.value:
                ends = [client, server] if window.value == "third ACK" else [server, client]
                data: Data = {"between": ends, "packets": window.value, "lose": "always", **window.when}
                yield Part(data, window.frames, window.from_ns or 0)
