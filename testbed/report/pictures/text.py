"""The way of the mail as plain text, for tickets and mails: lanes of characters, at most a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size

from testbed.protocols.text import printable
from testbed.report.clock import LOCAL, Clock
from testbed.report.pictures.headline import MOOD_MARKS, headline, told_by_end, told_by_fold
from testbed.report.pictures.values import Arrow, Fold, Mark, Mood, Way

COLUMNS = 100

_TIME = 13
_LANE, _HEAD_RIGHT, _HEAD_LEFT, _CROSS = "│", "▶", "◀", "✗"
_MARKS = {mood: f"{mark} " for mood, mark in MOOD_MARKS.items()} | {Mood.QUIET: ""}
_MOST_LINES = 3


def text(way: Way, *, clock: Clock = LOCAL) -> str:
    """The whole of it, in lines that end nowhere beyond :data:`COLUMNS`."""
    lines = [*_head(way, clock), *_Lanes(way, clock).rows(), "", *_foot(way)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _head(way: Way, clock: Clock) -> Iterator[str]:
    yield from _wrapped(way.title, COLUMNS)
    yield from _wrapped(headline(way), COLUMNS)
    if way.rows:
        yield clock.extent(way.start_ns, way.end_ns)
    yield ""


def _foot(way: Way) -> Iterator[str]:
    for end in way.shown_ends:
        yield from _wrapped(f"{_MARKS[end.mood] or '  '}{told_by_end(end)}", COLUMNS)
    if way.omitted:
        yield from _wrapped(f"{way.omitted}.", COLUMNS)


class _Lanes:
    def __init__(self, way: Way, clock: Clock) -> None:
        self._way, self._clock = way, clock
        number = max(1, len(way.lanes))
        self._step = min(34, (COLUMNS - _TIME) // number)
        self._at = [_TIME + self._step // 2 + place * self._step for place in range(number)]

    def rows(self) -> Iterator[str]:
        """Hosts, then what happened."""
        lanes = self._way.lanes
        for told in ([lane.name for lane in lanes], [str(lane.role) for lane in lanes]):
            line = " " * COLUMNS
            for at, words in zip(self._at, told, strict=False):
                shown = _cut(words, self._step - 2)
                line = _over(line, at - cell_len(shown) // 2, shown)
            yield line
        for row in self._way.rows:
            if isinstance(row, Arrow):
                yield from self._arrow(row)
            elif isinstance(row, Mark):
                yield from self._mark(row)
            else:
                yield from self._fold(row)

    def _empty(self) -> str:
        line = " " * COLUMNS
        for at in self._at[: len(self._way.lanes)]:
            line = _over(line, at, _LANE)
        return line

    def _arrow(self, arrow: Arrow) -> Iterator[str]:
        source, target = self._at[arrow.source], self._at[arrow.target]
        left, right = min(source, target), max(source, target)
        room = max(right - left - 3, 30)
        yield self._empty()
        for said in arrow.said:
            whom = f" ({shown})" if (shown := self._way.whom(said)) else ""
            yield from self._beside(f"{_MARKS[said.mood]}{said.text}{whom}", (left + right) // 2, room)
        line = self._empty()
        reached = target if arrow.arrives else (source + 2 * target) // 3
        shaft = "─" if arrow.mood not in (Mood.LOST, Mood.UNKNOWN) else "╌"
        head = _CROSS if not arrow.arrives else _HEAD_RIGHT if target > source else _HEAD_LEFT
        if target > source:
            drawn, start = shaft * (reached - source - 2) + head, source + 1
        else:
            drawn, start = head + shaft * (source - reached - 2), reached + 1
        line = _over(line, start, drawn)
        yield _over(line, 0, self._clock.time(arrow.time_ns))
        tls = ", TLS" if arrow.secured else ""
        where = f", {self._way.captures[arrow.capture]}" if len(self._way.captures) > 1 else ""
        yield from self._beside(f"{arrow.by} #{arrow.connection}{tls}{where}", (left + right) // 2, room)
        for fault in arrow.faults:
            yield from self._beside(f"staged: {fault}", (left + right) // 2, room)

    def _beside(self, words: str, middle: int, room: int) -> Iterator[str]:
        """Lines around a column, over the lanes."""
        for shown in _wrapped(words, min(room, COLUMNS - _TIME))[:_MOST_LINES]:
            wide = cell_len(shown)
            start = max(_TIME, min(middle - wide // 2, COLUMNS - wide))
            yield _over(self._empty(), start, shown)

    def _mark(self, mark: Mark) -> Iterator[str]:
        words = f"{_MARKS[mark.mood]}{mark.words(self._way.only_recipient)}"
        at = self._at[mark.lane]
        yield self._empty()
        to_right, to_left = COLUMNS - at - 2, at - _TIME - 2
        is_right = to_right >= min(cell_len(words), to_left)
        for shown in _wrapped(words, to_right if is_right else to_left)[:_MOST_LINES]:
            yield _over(self._empty(), at + 2 if is_right else at - 1 - cell_len(shown), shown)

    def _fold(self, fold: Fold) -> Iterator[str]:
        yield self._empty()
        middle = (self._at[0] + self._at[-1]) // 2
        for shown in _wrapped(told_by_fold(fold), COLUMNS - _TIME - 2):
            padded = f" {shown} "
            wide = cell_len(padded)
            yield _over(" " * COLUMNS, max(0, min(middle - wide // 2, COLUMNS - wide)), padded)


def _over(line: str, at: int, words: str) -> str:
    """A line with words put at a column, over what was there."""
    shown = _cut(words, COLUMNS - at)
    return set_cell_size(line, at) + shown + _behind(line, at + cell_len(shown))


def _behind(line: str, column: int) -> str:
    """What of a line stands at a column and behind it."""
    place, taken = 0, 0
    while taken < column and place < len(line):
        taken += cell_len(line[place])
        place += 1
    return line[place:]


def _wrapped(words: str, room: int) -> list[str]:
    """Lines of whole words; a word that fits in none is cut."""
    lines: list[str] = []
    for word in printable(" ".join(words.split())).split(" "):
        shown = _cut(word, room)
        if lines and cell_len(lines[-1]) + 1 + cell_len(shown) <= room:
            lines[-1] += f" {shown}"
        else:
            lines.append(shown)
    return lines


def _cut(words: str, room: int) -> str:
    words = printable(words)
    return words if cell_len(words) <= room else set_cell_size(words, max(0, room - 1)).rstrip() + "…"
