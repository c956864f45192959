"""Lines in the payloads of many packets at once, and whether message text is plain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from testbed.pcap.records import gather
from testbed.trace.glance.batch import Bools, Ints

Octets = NDArray[np.uint8]

_LF, _CR, _DOT, _SPACE = 10, 13, 46, 32
_WIDTHS = (64, 248, 1_024)
_TOGETHER = 1 << 19  # octets looked at together, so that they stay in the processor's cache
_WINDOW = 256  # a message with a line end in each window of this size has no line too long
_NEAR = 1 << 15  # octets between pieces that are looked at in one sweep
_HIGH_BITS = np.uint64(0x8080808080808080)
_ONES, _EVEN = np.uint64(0x0101010101010101), np.uint64(0x00FF00FF00FF00FF)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that end in CRLF.  ``packet`` is the place of their packet, ``start`` where they begin in the data.

    ``octets`` counts the CRLF too.  They are in order of packet and place.
    """

    packet: Ints
    start: Ints
    octets: Ints


def read_lines(data: Octets, start: Ints, length: Ints) -> tuple[Lines, Bools]:
    """The lines of payloads, and which payloads are whole lines of printable ASCII; only theirs are given."""
    plain = np.zeros(len(start), np.bool_)
    found: list[tuple[Ints, Ints, Ints]] = []
    least = 0
    for width in _WIDTHS:
        places = np.flatnonzero((length > least) & (length <= width))
        least = width
        for at in range(0, len(places), _TOGETHER // width):
            part = places[at : at + _TOGETHER // width]
            text = _padded(data, start[part], length[part], width)
            good, count, ends = _whole_lines(text, length[part])
            plain[part] = good
            single = part[good & (count == 1)]
            found.append((single, start[single], length[single]))
            several = np.flatnonzero(good & (count > 1))
            row, column = np.divmod(np.flatnonzero(ends[several]), width)
            before = np.where(np.diff(row, prepend=-1) != 0, -1, np.concatenate(([-1], column[:-1])))
            packet = part[several[row]]
            found.append((packet, start[packet] + before + 1, column - before))
    if not found:
        return Lines(*(np.zeros(0, np.int64) for _ in range(3))), plain
    packet, begin, octets = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(packet, kind="stable")
    return Lines(packet[order], begin[order], octets[order]), plain


def _padded(data: Octets, start: Ints, length: Ints, width: int) -> Octets:
    """Payloads as rows, filled up with spaces."""
    text = gather(data, start, width)
    mask = _masks(width)[length]
    longs = text.view(np.uint64)
    longs &= mask
    np.invert(mask, out=mask)
    mask &= np.uint64(_SPACE) * _ONES
    longs |= mask
    return text


@cache
def _masks(width: int) -> NDArray[np.uint64]:
    """For every length, words that keep as many octets of a row."""
    keep = np.zeros((width + 1, width), np.uint8)
    keep[np.tri(width + 1, width, -1, dtype=np.bool_)] = 0xFF
    return keep.view(np.uint64)


def _whole_lines(text: Octets, length: Ints) -> tuple[Bools, Ints, Bools]:
    """Which rows are whole lines of printable ASCII, how many lines, and where they end."""
    ends, returns = text == _LF, text == _CR
    pairs = np.zeros_like(ends)
    pairs[:, 1:] = ends[:, 1:] & returns[:, :-1]
    count = _per_row(ends)
    good = (count > 0) & (_per_row(returns) == count) & (_per_row(pairs) == count)
    good &= _per_row(text < _SPACE) == 2 * count
    good &= _any_bit(text) & _HIGH_BITS == 0
    good &= text[np.arange(len(text)), length - 1] == _LF
    return good, count, ends


def _any_bit(text: Octets) -> NDArray[np.uint64]:
    """The bits set in any of the eight-octet words of each row."""
    longs = text.view(np.uint64)
    bits = longs[:, 0].copy()
    for column in range(1, longs.shape[1]):
        bits |= longs[:, column]
    return bits


def _per_row(marks: Bools) -> Ints:
    """How many marks each row has; quicker than a sum along short rows, whose width is a multiple of 8."""
    longs = marks.view(np.uint64)
    if longs.shape[1] > 31:  # an octet of the sum could overflow
        counted: Ints = marks.sum(axis=1, dtype=np.int64)
        return counted
    total = longs[:, 0].copy()
    for column in range(1, longs.shape[1]):
        total += longs[:, column]
    pairs = (total & _EVEN) + (total >> np.uint64(8) & _EVEN)
    return (pairs * np.uint64(0x0001000100010001) >> np.uint64(48)).astype(np.int64)


def plain_text(data: Octets, start: Ints, length: Ints, last: Bools) -> Bools:
    """Which payloads, pieces of messages, hold nothing remarkable.

    Remarkable are a lone CR or LF, a line that may be too long, and a dot alone on a line, but for the one that ends
    the ``last`` piece.  What stands at the edges of a piece is for :func:`plain_edges`.
    """
    plain = np.ones(len(start), np.bool_)
    order = np.argsort(start, kind="stable")
    begin, end = start[order], (start + length)[order]
    ended = last[order]
    for first, stop in _sweeps(begin, end):
        part = slice(first, stop)
        plain[order[part]] = _plain_stretch(data, begin[part], end[part], ended[part])
    return plain


def _sweeps(begin: Ints, end: Ints) -> Iterator[tuple[int, int]]:
    """Pieces near each other together, as many as make up what is looked at at once."""
    if not len(begin):
        return
    far = np.flatnonzero(begin[1:] - end[:-1] > _NEAR) + 1
    edges = np.concatenate(([0], far, [len(begin)])).tolist()
    for first, stop in pairwise(edges):
        while first < stop:
            upto = int(np.searchsorted(begin[first:stop], begin[first] + _TOGETHER)) + first
            yield first, upto
            first = upto


def _plain_stretch(data: Octets, begin: Ints, end: Ints, last: Bools) -> Bools:
    """:func:`plain_text` of pieces that lie in one stretch of the file, in order."""
    low = int(begin[0])
    text = data[low : int(end[-1]) + 8]
    if int(end[-1]) + 8 > len(data):
        text = np.concatenate((text, np.zeros(8, np.uint8)))
    size = len(text) // 8 * 8
    ends, returns = text == _LF, text == _CR
    alone = np.zeros(size, np.bool_)
    np.not_equal(ends[1:size], returns[: size - 1], out=alone[: size - 1])  # at the first octet of the two
    dots = np.zeros(size, np.bool_)
    np.logical_and(ends[: size - 1], text[1:size] == _DOT, out=dots[: size - 1])
    begin, end = begin - low, end - low
    good = np.ones(len(begin), np.bool_)
    for marks, most in (
        (np.flatnonzero(alone), end - 1),
        (_dot_lines(text, dots), np.where(last, end - 4, end)),
    ):
        good &= np.searchsorted(marks, begin) == np.searchsorted(marks, most)
    good &= _line_in_each_window(ends, begin, end)
    short = (end - begin < 2 * _WINDOW) & ~last
    good[short] &= _has_line_end(ends, begin[short], end[short])
    return good


def _dot_lines(text: Octets, dots: Bools) -> Ints:
    """Of the places of LF and dot, those where the line ends there."""
    places = np.flatnonzero(dots)
    after = text[np.minimum(places + 2, len(text) - 1)]
    lines: Ints = places[(after == _CR) | (after == _LF)]
    return lines


def _line_in_each_window(ends: Bools, begin: Ints, end: Ints) -> Bools:
    windows = len(ends) // _WINDOW
    empty = ~ends[: windows * _WINDOW].reshape(windows, _WINDOW).any(axis=1)
    until = np.concatenate(([0], np.cumsum(empty)))
    first = np.minimum(-(-begin // _WINDOW), windows)
    stop = np.maximum(np.minimum(end // _WINDOW, windows), first)
    none: Bools = until[first] == until[stop]
    return none


def _has_line_end(ends: Bools, begin: Ints, end: Ints) -> Bools:
    """Whether pieces shorter than two windows, which need not hold a whole one, have a line end."""
    return np.array([ends[a:b].any() for a, b in zip(begin.tolist(), end.tolist(), strict=True)], np.bool_)


def plain_edges(data: Octets, start: Ints, length: Ints, after: Ints, ending: Ints) -> Bools:
    """Whether nothing remarkable lies across two pieces of a message that follow each other.

    The one piece begins at ``start``, the other at ``after``; ``ending`` is the length of the other one if it is the
    message's last, else 0.
    """
    text = np.concatenate((gather(data, start + length - 4, 4), gather(data, after, 4)), axis=1)
    ends, returns = text == _LF, text == _CR
    good: Bools = ends[:, 4] == returns[:, 3]
    for at in (1, 2, 3):
        lone = ends[:, at] & (text[:, at + 1] == _DOT) & returns[:, at + 2]
        good &= ~lone | (ending == at)  # where the last piece is the rest of the end of the message
    return good


def terminated(data: Octets, start: Ints, length: Ints, before: Ints) -> Bools:
    """Whether messages end in a dot alone on a line.

    The last piece begins at ``start``; ``before`` is where the last four octets of the piece before it begin.
    """
    text = np.concatenate((gather(data, before, 4), gather(data, start, 4)), axis=1)
    row = np.arange(len(start))
    for at in range(4):
        text[row, at] = np.where(length < 4, text[row, np.minimum(length + at, 7)], text[row, at])
    long = length >= 4
    text[long, :4] = gather(data, (start + length - 4)[long], 4)
    ended: Bools = (text[:, :4] == np.frombuffer(b"\n.\r\n", np.uint8)).all(axis=1)
    return ended
