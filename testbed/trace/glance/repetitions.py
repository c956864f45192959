"""Which repetitions are more than a segment that was lost once and sent again: those are left to exact code."""

from __future__ import annotations

import numpy as np

from testbed.pcap.checksums import BAD
from testbed.pcap.condition import TRUNCATED, conditions, identifications
from testbed.pcap.records import gather
from testbed.pcap.table import TCP_HEADER, PacketTable
from testbed.protocols.tcp import FIN, SYN
from testbed.trace.glance.batch import Batch, Bools
from testbed.trace.tcp.events import SOONEST_NS
from testbed.trace.tcp.vain import DEAD

_COMPARED = 4  # octets at the beginning of data that came again


def odd_repetitions(batch: Batch, again: Bools, table: PacketTable) -> None:
    """Marks flows with damaged packets, packets that came twice, FINs or parts sent again, and data sent in vain.

    ``again`` are the packets that repeat something.
    """
    b = batch
    fin, syn = b.flags & FIN != 0, b.flags & SYN != 0
    for side in (False, True):
        b.odd |= b.total(fin & (b.server == side)) > 1
    b.mark(syn & (b.before >= 0) & (b.time - b.time[b.before] < SOONEST_NS))
    rows = np.flatnonzero(b.any(again & (b.length > 0))[b.flow] & (b.length > 0))
    rows = rows[~b.odd[b.flow[rows]]]
    if not len(rows):
        return
    order = np.lexsort((rows, b.raw_sequence[rows], b.server[rows], b.flow[rows]))
    rows = rows[order]
    keys = np.stack((b.flow[rows], b.server[rows].astype(np.int64), b.raw_sequence[rows]))
    alike = np.concatenate(([False], (keys[:, 1:] == keys[:, :-1]).all(axis=0)))
    later = np.flatnonzero(alike)
    b.mark_rows(rows[again[rows] & ~alike])
    soon = later[b.time[rows[later]] - b.time[rows[later - 1]] < SOONEST_NS]
    number = identifications(table, b.row[rows[soon]])
    twins = (number > 0) & (number == identifications(table, b.row[rows[soon - 1]]))
    optioned = b.any((table.header[b.row] > TCP_HEADER) & (b.flags & SYN == 0))
    b.mark_rows(rows[soon[twins | optioned[b.flow[rows[soon]]]]])  # sent once, or one that SACK may tell of
    telling = b.total((b.length > 0) | b.special)
    b.odd |= telling <= 3 * np.bincount(b.flow[rows[later]], minlength=len(telling))  # may be captured again, all of it
    begins = gather(table.capture.data, b.payload[rows], _COMPARED)
    b.mark_rows(rows[later[(begins[later] != begins[later - 1]).any(axis=1)]])  # octets that contradict each other
    thrice = later[np.isin(later - (DEAD - 2), later)]
    b.mark_rows(rows[thrice])
    first = rows[later - 1]
    condition = conditions(table, b.row[first])
    b.mark_rows(first[(condition == BAD) | (condition == TRUNCATED)])
