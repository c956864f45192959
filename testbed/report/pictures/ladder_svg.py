"""The ladder of a connection as SVG: what the service said in colour, what TCP did besides in grey and small."""

from __future__ import annotations

from testbed.durations import span
from testbed.plural import count
from testbed.report.clock import LOCAL, Clock
from testbed.report.pictures import icons
from testbed.report.pictures.canvas import MARGIN, Sheet, box, line, text, titled
from testbed.report.pictures.elements import element
from testbed.report.pictures.ladder import Gap, Ladder, Section, Step
from testbed.report.pictures.style import themed
from testbed.report.pictures.values import Mood
from testbed.report.pictures.widths import cut, width, wrapped
from testbed.report.words import frame_range

_TEXT, _SMALL, _HEAD = 12.5, 11.0, 4.5
_TIME, _FRAME, _NOTE = 64.0, 46.0, 200.0
_WIDE_FROM = 600  # room for frames and notes beside the rungs


def ladder_svg(ladder: Ladder, *, width: int = 880, clock: Clock = LOCAL) -> str:
    """A file of its own."""
    return _drawn(ladder, width, clock).document(ladder.title, _description(ladder))


def inline_ladder_svg(ladder: Ladder, *, width: int = 880, clock: Clock = LOCAL) -> str:
    """A part of a page, without any style of its own; rungs lead to ``#frame=92``."""
    return _drawn(ladder, width, clock, links=True).inline(ladder.title, _description(ladder))


def draw_ladder(ladder: Ladder, sheet: Sheet, clock: Clock, *, links: bool = False) -> None:
    """Draw it below what a sheet has already."""
    _Picture(ladder, sheet, clock, links=links).draw()


def _drawn(ladder: Ladder, width: int, clock: Clock, *, links: bool = False) -> Sheet:
    sheet = Sheet(float(width))
    draw_ladder(ladder, sheet, clock, links=links)
    return sheet


def _description(ladder: Ladder) -> str:
    steps = [step for section in ladder.sections for step in section.steps if isinstance(step, Step)]
    return ". ".join(f"{'client' if s.rung.from_client else 'server'}: {s.rung.text}" for s in steps[:40])


class _Picture:
    def __init__(self, ladder: Ladder, sheet: Sheet, clock: Clock, *, links: bool) -> None:
        self._ladder, self._sheet, self._clock, self._links = ladder, sheet, clock, links
        self._wide = sheet.width >= _WIDE_FROM
        self._client = MARGIN + (_TIME + _FRAME if self._wide else 0) + 14
        self._server = sheet.width - MARGIN - (_NOTE if self._wide else 0) - 14

    def draw(self) -> None:
        sheet = self._sheet
        for shown in wrapped(self._ladder.title, 14, sheet.width - 2 * MARGIN, 3, bold=True):
            sheet.y += 14
            sheet.parts.append(text(shown, MARGIN, sheet.y, 14, bold=True))
            sheet.y += 5
        sheet.parts.append(text(self._clock.dated(self._ladder.start_ns), MARGIN, sheet.y + 13, _SMALL, "quiet"))
        sheet.y += 26
        self._hosts()
        top = sheet.y
        for section in self._ladder.sections:
            self._section(section)
        for x in (self._client, self._server):
            sheet.behind.append(line(x, top, x, sheet.y, "line", 1.2))
        sheet.y += MARGIN

    def _hosts(self) -> None:
        sheet, room = self._sheet, (self._server - self._client) / 2 - 20
        for x, name, is_client in (
            (self._client, self._ladder.client, True),
            (self._server, self._ladder.server, False),
        ):
            shown = cut(name, _TEXT, room, bold=True)
            at = x - 10 if is_client else x + 10
            sheet.parts.append(text(shown, at, sheet.y + 14, _TEXT, anchor="start" if is_client else "end", bold=True))
        sheet.y += 24

    def _section(self, section: Section) -> None:
        sheet, phase = self._sheet, section.phase
        where = frame_range(phase.first_frame, phase.last_frame)
        words = f"{phase.phase}  ·  {span(phase.end_ns - phase.start_ns)}, {where}"
        sheet.y += 8
        sheet.parts.append(box(MARGIN - 4, sheet.y, sheet.width - 2 * MARGIN + 8, 22, "card", 5))
        sheet.parts.append(text(words, MARGIN + 4, sheet.y + 15, _SMALL + 0.5, "quiet", bold=True))
        sheet.y += 28
        for step in section.steps:
            if isinstance(step, Gap):
                shown = f"… {count(step.rungs, 'rung')} not shown, {frame_range(step.first_frame, step.last_frame)} …"
                sheet.y += 16
                middle = (self._client + self._server) / 2
                wide = width(shown, _SMALL)
                sheet.parts.append(box(middle - wide / 2, sheet.y - 11, wide, 14, "paper"))
                sheet.parts.append(text(shown, middle, sheet.y, _SMALL, "quiet", anchor="middle"))
                sheet.y += 8
            else:
                self._step(step)

    def _step(self, step: Step) -> None:
        sheet, rung = self._sheet, step.rung
        if step.begins_tls:
            self._lock(step.begins_tls)
        tcp = rung.tcp
        size = _SMALL if tcp else _TEXT
        name = step.mood if step.mood is not Mood.QUIET else ("quiet" if tcp else "ink")
        middle, room = (self._client + self._server) / 2, self._server - self._client - 34
        parts: list[str] = []
        for shown in wrapped(rung.text, size, room, 1 if tcp else 2):
            sheet.y += size + 3
            wide = width(shown, size)
            parts.append(box(middle - wide / 2 - 3, sheet.y - size, wide + 6, size + 4, "paper"))
            parts.append(text(shown, middle, sheet.y, size, name, anchor="middle"))
        y = sheet.y + (6 if tcp else 7)
        parts.append(self._arrow(rung.from_client, y, name, lost=rung.lost, thin=tcp))
        if self._wide:
            parts.append(text(f"+{span(step.after_ns)}", MARGIN + _TIME - 8, y + 2, _SMALL, "quiet", anchor="end"))
            parts.append(text(str(rung.frame), MARGIN + _TIME + _FRAME - 12, y + 2, _SMALL, "quiet", anchor="end"))
            notes, at = wrapped(rung.note, _SMALL, _NOTE, 2), y + 2
            for number, shown in enumerate(notes):
                parts.append(text(shown, self._server + 20, at + 13 * number, _SMALL, "quiet"))
            sheet.y = y + max(0, len(notes) - 1) * 13
        else:
            sheet.y = y
            for shown in wrapped(rung.note, _SMALL, room, 2):
                sheet.y += 14
                wide = width(shown, _SMALL)
                parts.append(box(middle - wide / 2 - 3, sheet.y - 10, wide + 6, 13, "paper"))
                parts.append(text(shown, middle, sheet.y, _SMALL, "quiet", anchor="middle"))
        tip = f"frame {rung.frame}, +{span(step.after_ns)}: {rung.text}" + (f" ({rung.note})" if rung.note else "")
        drawn = titled(tip, *parts)
        sheet.parts.append(element("a", drawn, href=f"#frame={rung.frame}") if self._links else drawn)
        sheet.y += 5

    def _lock(self, words: str) -> None:
        sheet = self._sheet
        shown = cut(f"TLS begins: {words}", _SMALL, self._server - self._client - 40)
        wide, middle = width(shown, _SMALL) + 36, (self._client + self._server) / 2
        sheet.y += 4
        sheet.parts.append(line(self._client, sheet.y + 11, self._server, sheet.y + 11, "line", 1.2, "1 6"))
        sheet.parts.append(box(middle - wide / 2, sheet.y, wide, 22, "card", 11))
        sheet.parts.append(icons.lock(middle - wide / 2 + 14, sheet.y + 10))
        sheet.parts.append(text(shown, middle + 8, sheet.y + 15, _SMALL, "ink", anchor="middle"))
        sheet.y += 28

    def _arrow(self, from_client: bool, y: float, name: str, *, lost: bool, thin: bool) -> str:
        start, end = (self._client, self._server) if from_client else (self._server, self._client)
        way = 1 if from_client else -1
        thickness, dashes = (1.1, "3 4") if thin else (1.8, None)
        if lost:
            middle = start + (end - start) * 0.55
            crossed = [line(middle - 4, y - 4 * slope, middle + 4, y + 4 * slope, name, 2) for slope in (-1, 1)]
            return "".join([line(start, y, middle - way * 6, y, name, thickness, dashes), *crossed])
        corners = ((end - way * 2, y), (end - way * 11, y - _HEAD), (end - way * 11, y + _HEAD))
        points = " ".join(f"{x:.1f},{at:.1f}" for x, at in corners)
        head = element("polygon", points=points, fill="currentColor", **themed(name))
        return line(start + way * 2, y, end - way * 9, y, name, thickness, dashes) + head
