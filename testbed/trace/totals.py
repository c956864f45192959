"""What happened in a capture altogether: counts that take no more room the longer it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.table import TCP
from testbed.trace.analysis import Analysis
from testbed.trace.gathered import OF_A_CAPTURE, gathered
from testbed.trace.glance.kind import ConnectionKind
from testbed.trace.model.finding import Finding

EXAMPLES = 3
_MOST_ROUND_TRIPS = 1 << 20  # handshakes whose time is kept
_MOST_KINDS = 100_000


@dataclass(slots=True)
class Tally:
    """How many connections are of a kind, and the numbers of the first of them."""

    connections: int = 0
    examples: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Totals:
    """Sums over connections.  Times are nanoseconds since the epoch, lengths octets of payload."""

    frames: int = 0
    start_ns: int = 0
    end_ns: int = 0
    tcp: int = 0
    udp: int = 0
    client_octets: int = 0
    server_octets: int = 0
    retransmissions: int = 0
    gaps: int = 0
    kinds: dict[ConnectionKind, Tally] = field(default_factory=dict)
    account: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _round_trips: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, analysis: Analysis, jobs: int = 1) -> None:
        """Count an analysis's connections; ``jobs`` is how many processes may share the work."""
        flows, numbers = analysis.understanding.flows, analysis.connections.numbers
        summary = analysis.summary(jobs)
        at = np.array([analysis.understanding.index(number) for number in numbers], np.int64)
        self.frames = analysis.frames
        self.start_ns = min(self.start_ns or analysis.start_ns, analysis.start_ns)
        self.end_ns = max(self.end_ns, analysis.end_ns)
        tcp = int((flows.table.protocol[flows.order[flows.start[at]]] == TCP).sum())
        self.tcp, self.udp = self.tcp + tcp, self.udp + len(at) - tcp
        self.client_octets += int(summary.client_octets[at].sum())
        self.server_octets += int(summary.server_octets[at].sum())
        self.retransmissions += int(summary.retransmissions[at].sum())
        self.gaps += int(summary.gaps[at].sum())
        self._count_kinds(summary.kinds, summary.kind[at], np.array(numbers, np.int64))
        if sum(map(len, self._round_trips)) < _MOST_ROUND_TRIPS:
            self._round_trips.append(summary.rtt_ns[at][summary.rtt_ns[at] >= 0])
        self.account = [*gathered((*self.account, *analysis.account), OF_A_CAPTURE)]
        self.problems += [problem for problem in analysis.problems if problem not in self.problems]

    def _count_kinds(
        self, kinds: tuple[ConnectionKind, ...], kind: NDArray[np.int32], numbers: NDArray[np.int64]
    ) -> None:
        times = np.bincount(kind, minlength=len(kinds)).tolist()
        order = np.argsort(kind, kind="stable")
        first = np.searchsorted(kind[order], np.arange(len(kinds)))
        for one, count, start in zip(kinds, times, first.tolist(), strict=True):
            if count and (one in self.kinds or len(self.kinds) < _MOST_KINDS):
                tally = self.kinds.setdefault(one, Tally())
                tally.connections += count
                if len(tally.examples) < EXAMPLES:
                    tally.examples += numbers[order[start : start + min(count, EXAMPLES)]].tolist()
                    del tally.examples[EXAMPLES:]

    def round_trip_ns(self, share: float) -> int | None:
        """The handshake time that a share of handshakes does not exceed, None when there was none."""
        if not any(map(len, self._round_trips)):
            return None
        return int(np.quantile(np.concatenate(self._round_trips), share))
