"""Rows that need not be drawn: time in which nothing happened, and tries that went as those before."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from testbed.durations import SECOND
from testbed.report.pictures.values import Arrow, Fold, Mark, Row

_NOTHING_HAPPENED = 10 * SECOND
_LONGEST_BLOCK = 8  # rows of one try
_ALIKE = 3  # tries from which on they are told together


def folded(rows: Sequence[Row]) -> list[Row]:
    """Rows in order of time, the alike told together, with folds where nothing happened in between."""
    drawn: list[Row] = []
    end_ns = rows[0].time_ns if rows else 0
    for row in _told_together(rows):
        if row.time_ns - end_ns >= _NOTHING_HAPPENED and not (isinstance(row, Fold) and row.tries):
            drawn.append(Fold(end_ns, row.time_ns))
        drawn.append(row)
        end_ns = max(end_ns, _end_ns(row))
    return drawn


def _end_ns(row: Row) -> int:
    return row.time_ns if isinstance(row, Mark) else row.end_ns


def _told_together(rows: Sequence[Row]) -> Iterator[Row]:
    keys = [_key(row) for row in rows]
    here = 0
    while here < len(rows):
        length, times = _repeated(keys, rows, here)
        yield from rows[here : here + length]
        if times >= _ALIKE:
            more = rows[here + length : here + length * times]
            arrows = [row for row in more if isinstance(row, Arrow)]
            where = tuple((arrow.capture, arrow.connection) for arrow in arrows)
            yield Fold(more[0].time_ns, max(map(_end_ns, more)), times - 1, where)
        here += length * times if times >= _ALIKE else length


def _repeated(keys: Sequence[Hashable], rows: Sequence[Row], here: int) -> tuple[int, int]:
    """How long the shortest block is that stands here several times, with a connection in it; and how many times."""
    for length in range(1, _LONGEST_BLOCK + 1):
        block = keys[here : here + length]
        if not any(isinstance(row, Arrow) for row in rows[here : here + length]):
            continue
        times = 1
        while keys[here + times * length : here + (times + 1) * length] == block:
            times += 1
        if times >= _ALIKE:
            return length, times
    return 1, 1


def _key(row: Row) -> Hashable:
    """What is the same for rows that tell the same."""
    if isinstance(row, Arrow):
        return row.source, row.target, row.said, row.by, row.secured, row.faults, row.capture
    if isinstance(row, Mark):
        return row.lane, row.sign, row.text, row.who
    return row
