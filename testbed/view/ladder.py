"""The ladder of a connection: phases, and an arrow for each command, reply and packet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.clock import elapsed
from testbed.report.console import THEME
from testbed.report.html.ladder import Cut, Row, Section, sections
from testbed.report.timeline import logged_meanwhile
from testbed.report.words import frame_range, frames
from testbed.trace.model.log import AnyEntry, LogEntry
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.words import cell, joined, line, right, sign, told

_MOST_ROWS = 5_000
_HEAD = 12 + 7 + 4  # cells of time, frame and kind
_LINES = {"dialogue": "─", "tcp": "┄", "bare": "┄"}


class Lanes(Struct, frozen=True):
    """Who stands at the ends of the arrows."""

    client: str
    server: str


class Ladder(Rows):
    """Solid arrows are the service's own words, dotted ones TCP's packets, which are marked TCP besides."""

    def __init__(self, place: Place, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place = place
        self._rungs: Sequence[Lanes | Section | Row | Cut | AnyEntry] = ()

    def on_mount(self) -> None:
        connection = self._place.connection
        found = sections(self._place.analysis, connection, _MOST_ROWS)
        rungs = _with_log(_unfolded(found), logged_meanwhile(self._place.analysis, connection))
        self._rungs = [Lanes(connection.client.label, connection.server.label), *rungs]
        self.show(len(self._rungs))

    @property
    def frame(self) -> int:
        """The frame under the cursor, 0 where there is none."""
        match self._rungs[self.cursor] if self._rungs else None:
            case Row(rung=rung):
                return rung.frame
            case Section(frames=(first, _)) | Cut(first=first):
                return first
        return 0

    def text_of(self, place: int, width: int) -> Text:
        match self._rungs[place]:
            case Lanes(client, server):
                return line(Text(" " * _HEAD), *_between(client, server, width - _HEAD))
            case Section() as section:
                return _head(section)
            case Cut(number, first, last):
                return told(f"… {count(number, 'more packet')}, {frame_range(first, last)}", "quiet")
            case LogEntry() as entry:
                since = f"+{elapsed(entry.time_ns - self._place.connection.start_ns)}"
                frame = right(str(entry.frame), 6, "quiet")
                return line(
                    right(since, 12), frame, Text(" LOG "), told(f"{entry.host}: ", "host"), told(entry.message)
                )
            case Row() as row:
                return _arrow(row, width, self._kind(row))

    def _kind(self, row: Row) -> str:
        """What an arrow is besides the service's own: a message of TLS, a packet of TCP, what TLS protects."""
        tls = self._place.connection.tls
        if tls is not None and any(frame == row.rung.frame for frame, _, _ in tls.steps):
            return "TLS"
        return "TCP" if row.rung.tcp else "TLS" if row.locked else ""

    def in_full(self) -> Text:
        """What has no room in an arrow: long replies, notes, the findings that cite its frame."""
        match self._rungs[self.cursor] if self._rungs else None:
            case Row(rung=rung):
                cited = [one for one in self._place.connection.findings if rung.frame in one.frames]
                lines = [told(rung.text), *([told(rung.note, rung.mood)] if rung.note else [])]
                lines += [Text(" ").join((sign(one.severity), told(one.text))) for one in cited]
                return joined(*lines)
            case Section(about=about):
                return told(about)
            case LogEntry(host=host, message=message):
                return joined(told(f"{host} logged", "host"), told(message))
        return Text()


def _unfolded(found: Sequence[Section]) -> Iterator[Section | Row | Cut]:
    for section in found:
        yield section
        yield from section.rows


def _with_log(
    rungs: Iterable[Section | Row | Cut], entries: Iterable[AnyEntry]
) -> Iterator[Section | Row | Cut | AnyEntry]:
    """What was logged stands before the first arrow that came later."""
    waiting = deque(entries)
    for rung in rungs:
        while waiting and isinstance(rung, Row) and waiting[0].frame < rung.rung.frame:
            yield waiting.popleft()
        yield rung
    yield from waiting


def _between(client: str, server: str, width: int) -> tuple[Text, Text]:
    left = max(width // 2, width - cell_len(printable(server)) - 1)
    return cell(client, left, "host"), right(server, max(width - left, 1), "host")


def _head(section: Section) -> Text:
    cited = frames(sorted(set(section.frames)), 1) if len(set(section.frames)) == 1 else frame_range(*section.frames)
    title = told(section.phase, f"phase.{section.phase}")
    return line(title, told(f"  {cited} · {span(section.lasts_ns)} · {section.about}", "quiet"))


def _arrow(row: Row, width: int, kind: str) -> Text:
    rung, shaft = row.rung, _LINES[row.kind]
    mood = rung.mood or ("" if row.kind == "dialogue" else "quiet")
    inner = max(10, width - _HEAD - 2)
    said = told(f" {rung.text} " + (f"({rung.note}) " if rung.note else ""), mood)
    said.truncate(inner - 3, overflow="ellipsis")
    rest = told(shaft * (inner - 2 - said.cell_len), mood)
    tip = "✗" if rung.lost else "▶" if rung.from_client else "◀"
    parts = (told(shaft, mood), said, rest, told(tip, mood))
    if not rung.from_client:
        parts = (told(tip, mood), rest, said, told(shaft, mood))
    wall = Text("│", THEME.styles["quiet"])
    head = (right(row.time, 12), right(str(rung.frame) if row.first else "", 6, "quiet"), Text(" "), cell(kind, 4))
    return line(*head, wall, *parts, wall)
