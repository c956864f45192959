"""Some whole TCP flows as columns, each packet knowing what came before it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.records import distinct, gather
from testbed.protocols.tcp import ACK, FIN, RST, SYN, parse_options
from testbed.trace.flows import Flows
from testbed.trace.tcp.facts import INITIAL_RTO_NS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FEWEST, _MOST = 1 << 15, 1 << 16  # packets of a batch, so that its columns stay in the processor's cache
_SHARES = 16  # batches there should be, so that several processes can share them
_TCP_HEADER, _TCP_OPTIONS = 20, 40  # octets
_HALF = 1 << 31
_APART = 1 << 34  # between the sequence numbers of one flow and those of the next
_MAX_SPAN = 1 << 30  # octets of one direction that plain numbers can order


class Batch:
    """The packets of some flows, those of one flow together.  A column has a row per packet unless said otherwise.

    ``numbers`` are the flows' places in ``flows``; ``first`` and ``after`` a flow's first row and the one after its
    last; ``flow`` which of them a packet belongs to.  ``sequence`` counts from the first number of the packet's side,
    ``ack`` from that of the other side; ``end`` is one past the payload, ``next`` one past SYN and FIN too.  ``before``
    and ``peer`` are the rows of the last packet of the same side and of the other one, -1 for none.  ``highest`` is the
    highest ``next`` of the side so far, the packet included.  ``odd`` marks the flows (a row each) that are left to
    exact code.  ``end_ns`` is when the capture ends.
    """

    def __init__(self, flows: Flows, numbers: Ints) -> None:
        table, length = flows.table, (flows.stop - flows.start)[numbers]
        self.numbers = numbers
        self.after = np.cumsum(length)
        self.first = self.after - length
        places = np.repeat(flows.start[numbers] - self.first, length) + np.arange(int(length.sum()))
        self.row = flows.order[places].astype(np.int64)
        self.index = np.arange(len(self.row))
        self.flow = np.repeat(np.arange(len(numbers)), length)
        sender, port = table.sender[self.row], table.source_port[self.row]
        opener = self.first[self.flow]
        forward = (sender == sender[opener]) & (port == port[opener])
        self.server = forward != flows.from_client[numbers][self.flow]
        self.end_ns = int(table.capture.time_ns[-1]) if len(table.capture.time_ns) else 0
        self.time = table.capture.time_ns[table.row[self.row]]
        self.flags = table.flags[self.row]
        self.length = table.length[self.row].astype(np.int64)
        self.payload = table.payload(self.row)
        self.whole = table.captured(self.row) == self.length
        self.raw_sequence, self.raw_ack, self.window = table.tcp(self.row)
        self.special = self.flags & (SYN | FIN | RST) != 0
        self.odd = flows.repeats[numbers].copy()
        self._table = table
        self._relate()

    def _relate(self) -> None:
        """Numbers every side's octets from 0, and looks back from each packet."""
        server, flow = self.server, self.flow
        last = [np.maximum.accumulate(np.where(server == side, self.index, -1)) for side in (False, True)]
        earlier = [np.concatenate(([-1], column[:-1])) for column in last]
        opener = self.first[flow]
        for column in earlier:
            column[column < opener] = -1
        self.before = np.where(server, earlier[1], earlier[0])
        self.peer = np.where(server, earlier[0], earlier[1])
        starts = np.flatnonzero(self.before < 0)
        base = np.zeros((2, len(self.first)), np.int64)
        base[server[starts].astype(np.int64), flow[starts]] = self.raw_sequence[starts]
        side = server.astype(np.int64)
        self.sequence = _signed(self.raw_sequence - base[side, flow])
        self.ack = _signed(self.raw_ack - base[1 - side, flow])
        self.end = self.sequence + self.length
        self.next = self.end + (self.flags & (SYN | FIN) != 0)
        self.highest = self.running_highest(self.next)
        self.mark(np.abs(self.sequence) > _MAX_SPAN)

    def running_highest(self, value: Ints) -> Ints:
        """The highest value among the packets of the same side of the flow so far."""
        result = np.empty(len(value), np.int64)
        above = self.flow * _APART
        for side in (False, True):
            mine = self.server == side
            result[mine] = np.maximum.accumulate(value[mine] + above[mine]) - above[mine]
        return result

    def running_last(self, wanted: Bools) -> Ints:
        """The row of the last wanted packet of the same side of the flow, the packet itself included; -1 for none."""
        result = np.empty(len(wanted), np.int64)
        for side in (False, True):
            mine = np.flatnonzero(self.server == side)
            result[mine] = np.maximum.accumulate(np.where(wanted[mine], mine, -1))
        result[result < self.first[self.flow]] = -1
        return result

    def rank(self, rows: Ints) -> Ints:
        """The how-manieth of some rows, from 1, each is on its side of its flow."""
        result = np.empty(len(rows), np.int64)
        for side in (False, True):
            mine = np.flatnonzero(self.server[rows] == side)
            opening = np.concatenate(([True], np.diff(self.flow[rows[mine]]) != 0))[: len(mine)]
            index = np.arange(len(mine))
            result[mine] = index - np.maximum.accumulate(np.where(opening, index, 0)) + 1
        return result

    def mark(self, odd: Bools) -> None:
        """Leave the flows of some packets to exact code."""
        if odd.any():
            self.odd[self.flow[odd]] = True

    def mark_rows(self, rows: Ints) -> None:
        """Leave the flows of some rows to exact code."""
        self.odd[self.flow[rows]] = True

    def any(self, packets: Bools) -> Bools:
        """For each flow, whether it holds one of some packets."""
        found = np.zeros(len(self.first), np.bool_)
        found[self.flow[packets]] = True
        return found

    def total(self, values: Ints | Bools) -> Ints:
        """For each flow, the sum over its packets."""
        return np.add.reduceat(values.astype(np.int64), self.first)

    def scales(self) -> Ints:
        """Per row, the shift of the window its sender gives in packets without SYN; -1 where unknown (RFC 7323)."""
        offered = np.full((2, len(self.first)), -2, np.int64)  # -2: no SYN seen
        openings = np.flatnonzero(self.flags & SYN)
        rows = self.row[openings]
        octets = gather(self._table.capture.data, self._table.transport(rows) + _TCP_HEADER, _TCP_OPTIONS)
        octets[np.arange(_TCP_OPTIONS) >= self._table.header[rows, None].astype(np.int64) - _TCP_HEADER] = 0
        found, index = distinct(octets)
        scales = [parse_options(row.tobytes()).window_scale for row in found]
        offered[self.server[openings].astype(np.int64), self.flow[openings]] = np.array(
            [-1 if scale is None else scale for scale in scales], np.int64
        )[index]
        ended = (offered == -1).any(axis=0)
        scale: Ints = np.where(ended, 0, np.maximum(offered, -1))[self.server.astype(np.int64), self.flow]
        return scale


def batch_numbers(flows: Flows, numbers: Ints) -> Iterator[Ints]:
    """Some flows, in parts of so many packets that their columns stay in the processor's cache."""
    filled = np.cumsum((flows.stop - flows.start)[numbers])
    packets = min(max(_FEWEST, int(filled[-1:].sum()) // _SHARES), _MOST)
    edges = np.flatnonzero(np.diff(filled // packets)) + 1
    yield from (part for part in np.split(numbers, edges) if len(part))


def _signed(difference: Ints) -> Ints:
    """Differences of sequence numbers, modulo 2**32, as numbers around 0 (RFC 9293 §3.4)."""
    signed: Ints = ((difference + _HALF) & 0xFFFFFFFF) - _HALF
    return signed


def odd_openings(batch: Batch) -> None:
    """Leaves to exact code the flows whose SYN, FIN or RST are not of the ordinary kinds."""
    flags = batch.flags
    syn = flags & SYN != 0
    batch.mark((flags & FIN) + (flags >> 1 & 1) + (flags >> 2 & 1) > 1)
    batch.mark(syn & (batch.length > 0) | (flags & RST != 0) & (batch.length > 0))
    own = batch.before >= 0
    batch.mark(own & (flags & RST == 0) & (flags[batch.before] & RST != 0))  # who spoke on may not have sent the RST
    repeated = batch.any(syn & (batch.before >= 0)) | (batch.total(syn & (flags & ACK == 0)) > 1)
    batch.odd |= repeated & (batch.total(~syn) > 0)  # a SYN that nothing ever answers may be repeated
    ends_soon = batch.end_ns - batch.time[batch.after - 1] < INITIAL_RTO_NS
    batch.odd |= ends_soon & (batch.after - batch.first < 3)


def odd_one_sided(batch: Batch) -> None:
    """Leaves to exact code the flows of which the capture holds one side that acknowledges what the other said."""
    b = batch
    one_sided = ~b.any(b.server) | ~b.any(~b.server)
    both = (b.before >= 0) & (b.flags & b.flags[b.before] & ACK != 0)
    b.mark(one_sided[b.flow] & both & (b.raw_ack != b.raw_ack[b.before]))
