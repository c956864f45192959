"""Which connections have ended, as far as packets so far can tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from testbed.durations import DAY, MINUTE, SECOND
from testbed.pcap.table import UDP
from testbed.protocols.tcp import FIN, RST
from testbed.trace.flows import Flows

_LINGER_NS = 2 * SECOND  # after both FINs, or a RST, the last ACK may still come
# A connection silent for longer has ended, as far as anyone can tell.  An established one may be silent for two hours
# at least (RFC 5382 §5); a mail client that waits for mail is, and so is a connection whose link is down.
_IDLE_NS, _UNANSWERED_IDLE_NS, _UDP_IDLE_NS = DAY, 5 * MINUTE, MINUTE


def ended(flows: Flows, now_ns: int | None = None) -> NDArray[np.bool_]:
    """Which flows have ended by a time; default: that of the last packet."""
    table, order = flows.table, flows.order
    if not len(flows):
        return np.zeros(0, np.bool_)
    owner = owners(flows)
    first = order[flows.start]
    flags = table.flags[order]
    forward = table.sender[order] == table.sender[first][owner]
    forward &= table.source_port[order] == table.source_port[first][owner]
    count = len(flows)
    fin = flags & FIN != 0
    closed = (np.bincount(owner, fin & forward, count) > 0) & (np.bincount(owner, fin & ~forward, count) > 0)
    closed |= np.bincount(owner, flags & RST != 0, count) > 0
    time = table.capture.time_ns
    silent = (int(time.max()) if now_ns is None else now_ns) - time[table.row[order[flows.stop - 1]]]
    answered = np.bincount(owner, ~forward, count) > 0
    idle = np.where(table.protocol[first] == UDP, _UDP_IDLE_NS, np.where(answered, _IDLE_NS, _UNANSWERED_IDLE_NS))
    return (closed & (silent > _LINGER_NS)) | (silent > idle)


def owners(flows: Flows) -> NDArray[np.int64]:
    """The flow of each place in the flows' order."""
    by_start = np.argsort(flows.start, kind="stable")
    return np.repeat(by_start, (flows.stop - flows.start)[by_start])
