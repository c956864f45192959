"""The packets of an analysis as columns, for outputs that write very many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from testbed.pcap.table import TCP
from testbed.trace.analysis import ANNOTATION, LOST_INTERFACE, Analysis
from testbed.trace.model.connection import Endpoint

Ints = NDArray[np.int64]
Word = TypeVar("Word")


class PacketColumns(Struct, frozen=True):
    """Some packets of a capture in file order, a row each.  Times are nanoseconds since the epoch, lengths octets.

    ``source`` and ``destination`` are numbers for :func:`end`, -1 where no IP header could be read; ``flags`` those of
    TCP, -1 for other protocols; ``connection`` 0 for none; ``phase`` an index into PHASES; ``events`` a mask; ``step``
    an index into the steps of the labels, -1 for none.
    """

    frame: NDArray[np.uint32]
    time_ns: Ints
    length: NDArray[np.unsignedinteger]
    lost: NDArray[np.bool_]
    source: Ints
    destination: Ints
    payload: Ints
    flags: Ints
    connection: Ints
    phase: Ints
    events: Ints
    step: Ints


def packet_columns(analysis: Analysis, rows: int) -> Iterator[PacketColumns]:
    """All packets, ``rows`` of them at a time."""
    capture, table, labels = analysis.capture, analysis.table, analysis.labels
    lost = np.array([interface.name == LOST_INTERFACE for interface in capture.interfaces], np.bool_)
    for start in range(0, len(capture.frame), rows):
        part = slice(start, min(start + rows, len(capture.frame)))
        low, high = np.searchsorted(table.row, (part.start, part.stop)).tolist()
        known, at = slice(low, high), table.row[low:high].astype(np.int64) - start

        def spread(values: NDArray[np.generic], missing: int, at: Ints = at, size: int = part.stop - start) -> Ints:
            column = np.full(size, missing, np.int64)
            column[at] = values
            return column

        v6 = table.v6[known].astype(np.int64) << 48
        source = v6 | table.sender[known].astype(np.int64) << 16 | table.source_port[known]
        destination = v6 | table.receiver[known].astype(np.int64) << 16 | table.destination_port[known]
        yield PacketColumns(
            frame=capture.frame[part],
            time_ns=capture.time_ns[part],
            length=capture.original[part],
            lost=lost[capture.interface[part]],
            source=spread(source, -1),
            destination=spread(destination, -1),
            payload=spread(table.length[known], 0),
            flags=spread(np.where(table.protocol[known] == TCP, table.flags[known].astype(np.int64), -1), -1),
            connection=spread(labels.connection[known], 0),
            phase=spread(labels.phase[known], 0),
            events=spread(labels.events[known], 0),
            step=spread(labels.step[known], -1),
        )


def words(column: NDArray[np.generic], word: Callable[[int], Word]) -> tuple[list[Word], Ints]:
    """What the distinct numbers of a column stand for, and where among them each row's stands."""
    numbers, places = np.unique(column, return_inverse=True)
    return [word(number) for number in numbers.tolist()], places


def end(analysis: Analysis, number: int) -> tuple[str, int] | None:
    """Address and port of a source or destination of :class:`PacketColumns`; the port is 0 where there are none."""
    if number < 0:
        return None
    return analysis.table.address(number >> 16 & 0xFFFFFFFF, number >> 48 == 1), number & 0xFFFF


def end_text(analysis: Analysis, number: int) -> str | None:
    """``address:port``, ``[v6]:port`` or, for ICMP, the address."""
    found = end(analysis, number)
    return found and (str(Endpoint(*found)) if found[1] else found[0])


def packet_step(analysis: Analysis, number: int) -> str | None:
    """The words of a step of :class:`PacketColumns`."""
    return (analysis.labels.steps[number] or None) if number >= 0 else None


def packet_comment(analysis: Analysis, frame: int) -> str | None:
    """What others than ourselves remarked on a frame."""
    comments = analysis.capture.comments.get(frame, ())
    return "; ".join(comment for comment in comments if not comment.startswith(ANNOTATION)) or None
