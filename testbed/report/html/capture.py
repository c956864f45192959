"""A capture as a page shows it: the way of its mail, findings, connections, what hosts logged, the file itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace

from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.text import printable
from testbed.report.clock import LOCAL, Clock
from testbed.report.findings import Told, once
from testbed.report.html.attached import Attached, attached
from testbed.report.html.ladder import Section, cut_rows, sections, shown_rows
from testbed.report.html.letters import Letter, letters
from testbed.report.html.page import page
from testbed.report.journeys import sentence
from testbed.report.letters import carried
from testbed.report.pictures.svg import NARROW, WIDE, inline_svg
from testbed.report.pictures.values import Arrow, Way
from testbed.report.pictures.way import way
from testbed.report.timeline import account, is_question, items, vital_signs, worst_of
from testbed.report.words import octets
from testbed.trace.analysis import Analysis
from testbed.trace.journeys import Leg, journeys, legs_of
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Severity
from testbed.trace.model.log import AnyEntry, LogEntry
from testbed.trace.understanding import Connections

_MOST_CONNECTIONS = 200  # whose ladders are shown
_MOST_LOOKED_AT = 2_000  # connections of a large capture
_MOST_LINES = 5_000  # of log entries and questions
_MOST_ROWS = 15_000  # of all ladders together
_MOST_LETTERS = 2_000_000  # octets of messages, all together
_MOST_JOURNEYS = 100


class Line(Struct, frozen=True):
    """A line of the timeline: a log entry, or a question and its answer.

    ``mood`` is what went wrong, or ``step``; ``number`` that of the connection, 0 for a log entry.
    """

    day: str
    time: str
    who: str
    text: str
    frames: tuple[int, ...]
    mood: str
    number: int = 0


class Shown(Struct, frozen=True):
    """A connection with its ladder and its mail; ``mood`` is its worst finding, else ``held`` where mail was taken."""

    day: str
    time: str
    connection: Connection
    mood: str
    signs: tuple[str, ...]
    carried: tuple[str, ...]
    findings: tuple[Told, ...]
    sections: tuple[Section, ...]
    letters: tuple[Letter, ...]


class Scope(Struct, frozen=True):
    """A capture in a page: the frames that stand in it, and where their octets lie in the file."""

    prefix: str
    anchors: frozenset[int]
    places: Mapping[int, tuple[int, int]]


class CaptureView(Struct, frozen=True):
    """All that a page says of a capture.  ``cut`` are sentences about what it leaves out."""

    name: str
    clock: Clock
    extent: str
    account: str
    problems: tuple[str, ...]
    findings: tuple[Told, ...]
    way: Way | None
    journeys: tuple[str, ...]
    items: tuple[Line | Shown, ...]
    attached: Attached | None
    commands: tuple[str, ...]
    cut: tuple[str, ...]

    def picture(self, prefix: str, *, narrow: bool = False) -> Markup:
        """The way of its mail, each arrow a link; ``narrow`` for a telephone."""
        if self.way is None:
            return Markup()
        wide = NARROW if narrow else WIDE
        drawn = inline_svg(self.way, lambda _, number: f"#{prefix}c{number}", width=wide, clock=self.clock)
        return Markup(drawn.replace("><", ">\n<"))

    def scope(self, prefix: str) -> Scope:
        """What its links need to know; ``prefix`` keeps apart the frames of several captures in one page."""
        rows = {row.rung.frame for one in self.items if isinstance(one, Shown) for row in shown_rows(one.sections)}
        lines = {frame for one in self.items if isinstance(one, Line) for frame in one.frames}
        return Scope(prefix, frozenset(rows | lines), self.attached.places if self.attached is not None else {})

    @property
    def worst(self) -> str:
        """The worst severity of its findings, ``""`` where there is none."""
        order = [str(severity) for severity in Severity]
        return max((str(told.finding.severity) for told in self.findings), key=order.index, default="")


def capture_view(analysis: Analysis, *, clock: Clock = LOCAL, with_capture: bool = True) -> CaptureView:
    """What a page shows of a capture, bounded however large it is."""
    chosen = _chosen(analysis)
    shown = list(_items(analysis, chosen, clock))
    inside, why = attached(analysis) if with_capture else (None, "")
    path = shlex.quote(printable(analysis.path))
    return CaptureView(
        name=printable(Path(analysis.path).name),
        clock=clock,
        extent=clock.extent(analysis.start_ns, analysis.end_ns) if analysis.start_ns or analysis.end_ns else "",
        account=account(analysis),
        problems=analysis.problems,
        findings=tuple(once(analysis.findings)),
        way=_way(analysis, chosen),
        journeys=tuple(_journeys(chosen, analysis.path, clock)),
        items=tuple(shown),
        attached=inside,
        commands=(f"testbed inspect {path}", f"testbed inspect --packets {path}", f"wireshark {path}"),
        cut=tuple(filter(None, (*_left_out(analysis, chosen, shown), why))),
    )


def _way(analysis: Analysis, chosen: Sequence[Connection]) -> Way | None:
    """Its picture, where it shows mail, or a try."""
    numbers = tuple(connection.number for connection in chosen)
    found = way([analysis if len(numbers) == len(analysis.connections) else replace(analysis, chosen=numbers)])
    return found if any(isinstance(row, Arrow) for row in found.rows) else None


def _chosen(analysis: Analysis) -> list[Connection]:
    """The connections that are looked at: all, or of very many those with findings and the first ones."""
    numbers = analysis.connections.numbers
    if len(numbers) > _MOST_LOOKED_AT:
        wrong = dict.fromkeys(number for finding in analysis.findings for number in finding.connections)
        wanted = set(list(wrong)[: _MOST_LOOKED_AT // 2]) & set(numbers) | set(numbers[:_MOST_CONNECTIONS])
        numbers = [number for number in numbers if number in wanted]
    return list(Connections(analysis.understanding, numbers))


def _items(analysis: Analysis, connections: Sequence[Connection], clock: Clock) -> Iterator[Line | Shown]:
    ladders = {connection.number for connection in _worth_a_ladder(connections)}
    rows, lines, mail = _MOST_ROWS, _MOST_LINES, _MOST_LETTERS
    for item, time_ns in items(analysis, connections):
        day, time = clock.day(time_ns), clock.time(time_ns)
        if isinstance(item, Connection) and item.number in ladders:
            if rows > 0:
                found = _shown(analysis, item, (day, time), clock, with_letters=mail > 0)
                rows -= sum(len(section.rows) for section in found.sections)
                mail -= sum(len(letter.source) for letter in found.letters)
                yield found
        elif lines > 0 and (isinstance(item, LogEntry) or is_question(item)):
            lines -= 1
            yield _line(item, day, time)


def _worth_a_ladder(connections: Sequence[Connection]) -> list[Connection]:
    """Those whose ladder is shown, those with findings first."""
    dialogues = [connection for connection in connections if not is_question(connection)]
    return sorted(dialogues, key=lambda connection: worst_of(connection) is None)[:_MOST_CONNECTIONS]


def _line(item: AnyEntry | Connection, day: str, time: str) -> Line:
    if isinstance(item, Connection):
        who = f"{item.client.label} → {item.server.label}"
        frames = tuple(dict.fromkeys((item.first_frame, item.last_frame)))
        return Line(day, time, who, item.outcome, frames, str(worst_of(item) or ""), item.number)
    mood = "fault" if isinstance(item.event, events.Fault) else "step" if isinstance(item.event, events.Step) else ""
    return Line(day, time, item.host, item.message, (item.frame,), mood)


def _shown(
    analysis: Analysis, connection: Connection, when: tuple[str, str], clock: Clock, *, with_letters: bool
) -> Shown:
    return Shown(
        *when,
        connection=connection,
        mood=str(worst_of(connection) or ("held" if connection.all_taken else "")),
        signs=tuple(vital_signs(connection, clock)),
        carried=tuple(carried(connection, whole=True, account=analysis.authentication)),
        findings=tuple(once(connection.findings)),
        sections=sections(analysis, connection),
        letters=letters(analysis, connection) if with_letters else (),
    )


def _journeys(connections: Sequence[Connection], path: str, clock: Clock) -> Iterator[str]:
    found = journeys(leg for connection in connections for leg in legs_of(connection, path))
    yield from (sentence(journey, clock, files=False) for journey in found[:_MOST_JOURNEYS])
    if len(found) > _MOST_JOURNEYS:
        yield f"… and {count(len(found) - _MOST_JOURNEYS, 'more message', 'more messages')}"


def _left_out(analysis: Analysis, chosen: Sequence[Connection], shown: Sequence[Line | Shown]) -> Iterator[str]:
    every, ladders = len(analysis.connections.numbers), [item for item in shown if isinstance(item, Shown)]
    if every > len(chosen):
        yield f"{count(every, 'connection')}: this page looks at {len(chosen):,}, those with findings and the first"
    without = sum(not is_question(connection) for connection in chosen) - len(ladders)
    if without > 0:
        yield f"{count(without, 'more connection')} without a ladder here"
    if rows := sum(cut_rows(item.sections) for item in ladders):
        yield f"{count(rows, 'packet')} of long connections in ladders"
    if mail := sum(letter.cut for item in ladders for letter in item.letters):
        yield f"{octets(mail)} of long messages"


def capture_html(analyses: Iterable[Analysis], *, clock: Clock = LOCAL, with_capture: bool = True) -> str:
    """One page of one capture, or of several."""
    views, legs = [], list[Leg]()
    for analysis in analyses:
        views.append(capture_view(analysis, clock=clock, with_capture=with_capture))
        legs += [leg for found in _chosen(analysis) for leg in legs_of(found, analysis.path)]
    across = [one for one in journeys(legs) if len(one.files) > 1] if len(views) > 1 else []
    return page(
        "capture.html",
        title=views[0].name if len(views) == 1 else count(len(views), "capture"),
        captures=views,
        across=[sentence(journey, clock, files=True) for journey in across[:_MOST_JOURNEYS]],
    )
