"""The way of the mail as SVG: a lane per host, an arrow per connection, time from top to bottom."""

from __future__ import annotations

from collections.abc import Callable

from testbed.durations import span
from testbed.report.clock import LOCAL, Clock
from testbed.report.pictures import icons
from testbed.report.pictures.canvas import MARGIN, Sheet, box, line, text, titled
from testbed.report.pictures.elements import element
from testbed.report.pictures.headline import headline, lasted, told_by_arrow, told_by_end, told_by_fold
from testbed.report.pictures.host_card import host_card
from testbed.report.pictures.shaft import shaft
from testbed.report.pictures.values import Arrow, End, Fold, Mark, Mood, Row, Said, Way
from testbed.report.pictures.widths import cut, width, wrapped
from testbed.report.words import frame_range

WIDE, NARROW = 880, 380
"""Widths a page has room for, and a telephone."""

LeadsTo = Callable[[int, int], str]
"""The address of a connection in a page, of its capture (from 0) and its number: ``#c5``."""
_Link = Callable[[int, int, str], str]

_LABEL, _SMALL, _TITLE = 13.0, 11.5, 18.0
_GUTTER = 74.0  # for times
_TIMES_FROM = 600  # so wide that they have a place of their own
_MOST_SAID = 4


def svg(way: Way, *, width: int = WIDE, clock: Clock = LOCAL) -> str:
    """A file of its own."""
    return _drawn(way, width, clock, _unlinked).document(way.title, _description(way))


def inline_svg(way: Way, leads_to: LeadsTo, *, width: int = WIDE, clock: Clock = LOCAL) -> str:
    """A part of a page, in which an arrow leads to what the page calls its connection."""

    def linked(capture: int, number: int, content: str) -> str:
        return element("a", content, href=leads_to(capture, number))

    return _drawn(way, width, clock, linked).inline(way.title, _description(way))


def _description(way: Way) -> str:
    told = [told_by_arrow(way, row) for row in way.rows if isinstance(row, Arrow)]
    return ". ".join([headline(way), *told[:20], *map(told_by_end, way.shown_ends)])


def draw_way(way: Way, sheet: Sheet, clock: Clock) -> None:
    """Draw it below what a sheet has already."""
    _draw(way, sheet, clock, _unlinked)


def _unlinked(capture: int, number: int, content: str) -> str:
    return content


def _drawn(way: Way, room: int, clock: Clock, link: _Link) -> Sheet:
    sheet = Sheet(float(room))
    _draw(way, sheet, clock, link)
    return sheet


def _draw(way: Way, sheet: Sheet, clock: Clock, link: _Link) -> None:
    picture = _Picture(way, sheet, clock, link)
    picture.head()
    for row in way.rows:
        picture.row(row)
    picture.ends()


class _Picture:
    """Draws a way from top to bottom."""

    def __init__(self, way: Way, sheet: Sheet, clock: Clock, link: _Link) -> None:
        self._way, self._clock, self._link = way, clock, link
        self.sheet, room = sheet, sheet.width
        self._times = room >= _TIMES_FROM
        self._left = MARGIN + (_GUTTER if self._times else 0)
        self._right = room - MARGIN
        number = max(1, len(way.lanes))
        self._card = min(178.0, (self._right - self._left) / number - 10)
        first, last = self._left + self._card / 2, self._right - self._card / 2
        step = (last - first) / (number - 1) if number > 1 else 0.0
        self._lanes = [first + step * place if number > 1 else (first + last) / 2 for place in range(number)]
        self._top = 0.0

    def head(self) -> None:
        """What it is about, how it ended, and the hosts."""
        sheet, room = self.sheet, self._right - MARGIN
        for shown in wrapped(self._way.title, _TITLE, room, 2, bold=True):
            sheet.y += _TITLE
            sheet.parts.append(text(shown, MARGIN, sheet.y, _TITLE, bold=True))
            sheet.y += 5
        sheet.y += 6
        for shown in wrapped(headline(self._way), _LABEL + 1, room, 3):
            sheet.y += 15
            sheet.parts.append(text(shown, MARGIN, sheet.y, _LABEL + 1, "ink"))
            sheet.y += 4
        sheet.y += 16
        top = sheet.y
        for place, lane in enumerate(self._way.lanes):
            sheet.parts.append(host_card(lane, self._lanes[place], top, self._card))
        sheet.y = self._top = top + 64

    def row(self, row: Row) -> None:
        """One more row."""
        if isinstance(row, Arrow):
            self._arrow(row)
        elif isinstance(row, Mark):
            self._mark(row)
        else:
            self._fold(row)

    def ends(self) -> None:
        """Each recipient's fate, and what is not shown."""
        sheet, room = self.sheet, self._right - MARGIN
        for x in self._lanes[: len(self._way.lanes)]:
            sheet.behind.append(line(x, self._top - 8, x, sheet.y + 6, "line", 1.2))
        sheet.y += 18
        for end in self._way.shown_ends:
            self._end(end)
        if self._way.omitted:
            for shown in wrapped(f"{self._way.omitted}.", _SMALL, room, 3):
                sheet.y += 16
                sheet.parts.append(text(shown, MARGIN, sheet.y, _SMALL, "quiet"))
        sheet.y += MARGIN - 4

    def _arrow(self, arrow: Arrow) -> None:
        sheet, top = self.sheet, self.sheet.y
        source, target = self._lanes[arrow.source], self._lanes[arrow.target]
        middle, room = (source + target) / 2, self._label_room(source, target)
        parts: list[str] = []
        for said in arrow.said[:_MOST_SAID]:
            parts += self._said(said, middle, room)
        if len(arrow.said) > _MOST_SAID:
            parts += self._label(f"and {len(arrow.said) - _MOST_SAID} more", middle, room, "quiet", _SMALL)
        y = sheet.y + 8
        if self._times:
            parts.append(text(self._after(arrow.time_ns), MARGIN, y + 4, _SMALL, "quiet"))
        parts.append(shaft(arrow, source, target, y))
        sheet.y = y + 3
        parts += self._below(arrow, middle, room)
        for fault in arrow.faults[:2]:
            parts += self._fault(fault, middle, room)
        area = element(
            "rect", x=self._left, y=top, width=self._right - self._left, height=sheet.y - top, fill="none",
            pointer_events="all",
        )  # fmt: skip
        sheet.parts.append(self._link(arrow.capture, arrow.connection, titled(self._tip(arrow), area, *parts)))
        sheet.y += 14

    def _label_room(self, source: float, target: float) -> float:
        return min(self._right - self._left, max(abs(target - source) - 30, 280))

    def _said(self, said: Said, middle: float, room: float) -> list[str]:
        name = "quiet" if said.mood is Mood.QUIET else said.mood
        parts = self._label(said.text, middle, room, name, _LABEL, said.mood)
        if whom := self._way.whom(said):
            parts += self._label(whom, middle, room, "ink", _SMALL)
        return parts

    def _label(
        self, shown: str, middle: float, room: float, name: str, size: float, mood: Mood | None = None
    ) -> list[str]:
        """Lines above or below an arrow, on paper so that no lane runs through them."""
        sheet, parts = self.sheet, []
        for number, words in enumerate(wrapped(shown, size, room - 24, 2)):
            wide = width(words, size) + (22 if mood is not None else 0)
            at = min(max(middle, self._left + wide / 2), self._right - wide / 2)
            sheet.y += size + 4
            parts.append(box(at - wide / 2 - 3, sheet.y - size, wide + 6, size + 5, "paper"))
            if mood is not None and not number:
                parts.append(icons.of_mood(mood, at - wide / 2 + 8, sheet.y - 4.5))
            shift = 11 if mood is not None else 0
            parts.append(text(words, at + shift, sheet.y, size, name, anchor="middle"))
        return parts

    def _below(self, arrow: Arrow, middle: float, room: float) -> list[str]:
        words = [arrow.by, f"#{arrow.connection}"]
        if not self._times:
            words.insert(0, self._after(arrow.time_ns))
        if len(self._way.captures) > 1:
            words.append(self._way.captures[arrow.capture])
        parts = self._label(" · ".join(words), middle, room, "quiet", _SMALL)
        if arrow.secured:
            wide = width(" · ".join(words), _SMALL)
            at = min(max(middle, self._left + wide / 2 + 10), self._right - wide / 2)
            parts.append(box(at - wide / 2 - 14, self.sheet.y - 11, 12, 13, "paper"))
            parts.append(icons.lock(at - wide / 2 - 7, self.sheet.y - 5))
        return parts

    def _fault(self, fault: str, middle: float, room: float) -> list[str]:
        sheet, parts = self.sheet, []
        for number, words in enumerate(wrapped(f"staged: {fault}", _SMALL, room - 26, 2)):
            wide = width(words, _SMALL) + 20
            at = min(max(middle, self._left + wide / 2), self._right - wide / 2)
            sheet.y += 15 if number else 17
            parts.append(box(at - wide / 2 - 3, sheet.y - 12, wide + 6, 16, "paper"))
            if not number:
                parts.append(icons.of_fault(at - wide / 2 + 6, sheet.y - 4))
            parts.append(text(words, at + 8, sheet.y, _SMALL, "ink", anchor="middle"))
        return parts

    def _mark(self, mark: Mark) -> None:
        sheet, x = self.sheet, self._lanes[mark.lane]
        to_right, to_left = self._right - x - 16, x - self._left - 16
        shown = mark.words(self._way.only_recipient)
        is_right = to_right >= min(width(shown, _SMALL + 0.5), to_left)
        lines = wrapped(shown, _SMALL + 0.5, max(to_right, to_left) if not is_right else to_right, 3)
        sheet.y += 6
        parts = []
        for words in lines:
            sheet.y += 15
            wide = width(words, _SMALL + 0.5)
            start = x + 14 if is_right else x - 14 - wide
            parts.append(box(start - 2, sheet.y - 12, wide + 4, 15, "paper"))
            anchor = "start" if is_right else "end"
            name = "ink" if mark.mood is Mood.QUIET else mark.mood
            parts.append(text(words, x + (14 if is_right else -14), sheet.y, _SMALL + 0.5, name, anchor=anchor))
        y = sheet.y - 15 * (len(lines) - 1) - 4
        parts.append(icons.of_mark(mark.sign, mark.mood, x, y))
        tip = f"{self._clock.dated(mark.time_ns)}, frame {mark.frame}: {self._way.lanes[mark.lane].name} {mark.words()}"
        sheet.parts.append(titled(tip, *parts))
        sheet.y += 12

    def _fold(self, fold: Fold) -> None:
        sheet, size = self.sheet, _SMALL + 0.5
        lines = wrapped(told_by_fold(fold), size, self._right - self._left - 24, 3)
        wide, high = max(width(words, size) for words in lines) + 24, 11 + 15 * len(lines)
        middle, top = (self._left + self._right) / 2, sheet.y + 2
        parts = [box(MARGIN - 4, top + 4, self._right - MARGIN + 8, high - 8, "paper")]
        parts.append(line(self._left, top + high / 2, self._right, top + high / 2, "line", 1.2, "1 6"))
        parts.append(box(middle - wide / 2, top, wide, high, "card", 13))
        name = "ink" if fold.connections else "quiet"
        for number, words in enumerate(lines):
            parts.append(text(words, middle, top + 17 + 15 * number, size, name, anchor="middle"))
        drawn = titled(f"{self._clock.dated(fold.time_ns)} to {self._clock.dated(fold.end_ns)}", *parts)
        sheet.parts.append(self._link(*fold.connections[0], drawn) if fold.connections else drawn)
        sheet.y = top + high + 10

    def _end(self, end: End) -> None:
        sheet, room = self.sheet, self._right - MARGIN
        subject = f"  “{end.subject}”" if end.subject and len({e.subject for e in self._way.ends}) > 1 else ""
        name = "quiet" if end.mood is Mood.QUIET else end.mood
        whom = cut(end.recipient, _LABEL, room - 30, bold=True)
        wide = width(whom, _LABEL, bold=True)
        sheet.y += 20
        parts = [
            icons.of_mood(end.mood, MARGIN + 9, sheet.y - 4.5),
            text(whom, MARGIN + 25, sheet.y, _LABEL, bold=True),
        ]
        beside = room - 36 - wide
        if width(end.words + subject, _LABEL) <= beside:
            parts.append(text(end.words + subject, MARGIN + 33 + wide, sheet.y, _LABEL, name))
        else:
            for words in wrapped(end.words + subject, _LABEL, room - 30, 2):
                sheet.y += 17
                parts.append(text(words, MARGIN + 25, sheet.y, _LABEL, name))
        sheet.parts.append(titled(told_by_end(end), *parts))
        sheet.y += 4

    def _after(self, ns: int) -> str:
        after = ns - self._way.start_ns
        return lasted(after) if after <= 0 else f"+{lasted(after)}"

    def _tip(self, arrow: Arrow) -> str:
        when = f"{self._clock.dated(arrow.time_ns)}, {span(arrow.end_ns - arrow.time_ns)}"
        return f"{when}, {frame_range(*arrow.frames)}: {told_by_arrow(self._way, arrow)}"
