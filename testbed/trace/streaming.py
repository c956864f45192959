"""Captures of any length in bounded memory: connections are told when they have ended.

A stream comes in segments.  After each, the connections that ended are given out, and the packets of the others are
kept for the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from testbed.pcap.capture import Capture
from testbed.pcap.table import PacketTable
from testbed.plural import count
from testbed.trace.analysis import Analysis
from testbed.trace.ended import ended, owners
from testbed.trace.flows import Flows
from testbed.trace.inspect import analyse

_MOST_KEPT = 64 << 20  # octets of packets of connections that have not ended
_KEYS = "TLS keys in a stream decrypt only what ends in the same piece of it; inspect the whole capture to decrypt all"


def stream(segments: Iterable[Capture], path: str = "capture", *, show_credentials: bool = False) -> Iterator[Analysis]:
    """An analysis for each segment, with the connections that had ended by then; in the last one, all the rest.

    Connections are numbered in the order they are given out, frames as in the whole capture.
    """
    streaming = _Streaming(path, show_credentials)
    waiting: Capture | None = None
    for segment in segments:
        if waiting is not None:
            yield streaming.ended(waiting, last=False)
        waiting = segment
    if waiting is not None:
        yield streaming.ended(waiting, last=True)


class _Streaming:
    def __init__(self, path: str, show_credentials: bool) -> None:
        self._path = path
        self._show_credentials = show_credentials
        self._kept: Capture | None = None
        self._told = 0
        self._cut = False  # whether there is more than one segment

    def ended(self, segment: Capture, *, last: bool) -> Analysis:
        """What ended in a segment."""
        capture = _joined(self._kept, segment) if self._kept is not None else segment
        self._cut |= not last
        analysis = analyse(capture, self._path, show_credentials=self._show_credentials, piece=self._cut)
        flows = analysis.understanding.flows
        over = np.ones(len(flows), np.bool_) if last else ended(flows)
        early = _too_many(flows, over)
        over |= early
        indices = np.flatnonzero(over).tolist()
        numbers = {self._told + place: index for place, index in enumerate(indices, 1)}
        self._told += len(indices)
        analysis.understanding.renumber(numbers)
        self._kept = None if last else _kept(analysis, ~over)
        problems = analysis.problems
        if self._cut and segment.secrets:
            problems = (*problems, _KEYS)
        if early.any():
            reported = count(int(early.sum()), "connection")
            sentence = f"{reported} reported before the end: too many are open at once"
            problems = (*problems, sentence)
        return replace(analysis, chosen=tuple(numbers), problems=problems)


def _too_many(flows: Flows, over: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The oldest of the flows that have not ended, where the packets of all are more than what can be kept."""
    size = np.bincount(owners(flows), flows.table.capture.length[flows.table.row[flows.order]], len(flows))
    size[over] = 0
    excess = size.sum() - _MOST_KEPT
    return ~over & (np.cumsum(size) - size < excess) if excess > 0 else np.zeros(len(flows), np.bool_)


def _kept(analysis: Analysis, still: NDArray[np.bool_]) -> Capture:
    """The packets of some flows, and the ICMP errors about them, as a capture of their own."""
    table, flows = analysis.table, analysis.understanding.flows
    rows = flows.order[still[owners(flows)]]
    errors = [
        error.row for index, found in analysis.understanding.complaints.items() if still[index] for error in found
    ]
    return _only(table, np.sort(np.concatenate((rows, np.array(errors, rows.dtype)))))


def _only(table: PacketTable, rows: NDArray[np.uint32]) -> Capture:
    capture, packets = table.capture, table.row[rows]
    length = capture.length[packets].astype(np.int64)
    after = np.cumsum(length)
    octets = b"".join(map(capture.octets, packets.tolist()))
    frames = set(capture.frame[packets].tolist()) if capture.comments else set()
    return replace(
        capture,
        data=np.frombuffer(octets, np.uint8),
        frame=capture.frame[packets],
        time_ns=capture.time_ns[packets],
        offset=after - length,
        length=capture.length[packets],
        original=capture.original[packets],
        interface=capture.interface[packets],
        journal=(),
        comments={frame: told for frame, told in capture.comments.items() if frame in frames},
        problems=(),
    )


def _joined(kept: Capture, segment: Capture) -> Capture:
    """Packets kept from before, then a segment."""
    return replace(
        segment,
        data=np.concatenate((kept.data, segment.data)),
        frame=np.concatenate((kept.frame, segment.frame)),
        time_ns=np.concatenate((kept.time_ns, segment.time_ns)),
        offset=np.concatenate((kept.offset.astype(np.int64), segment.offset.astype(np.int64) + len(kept.data))),
        length=np.concatenate((kept.length, segment.length)).astype(np.uint32),
        original=np.concatenate((kept.original, segment.original)).astype(np.uint32),
        interface=np.concatenate((kept.interface, segment.interface)),
        comments={**kept.comments, **segment.comments},
    )
