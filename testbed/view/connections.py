"""The list of connections, with the sign of the worst that was found in each, and what hosts logged between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from testbed.report.clock import Clock
from testbed.report.timeline import worst_of
from testbed.trace.model.log import AnyEntry, LogEntry
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.words import cell, ends, joined, right, sign, told


class Connections(Rows):
    """A row for each: sign, number, time, service, who → whom, outcome; or time, host and what it logged."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._lines: Sequence[Place | AnyEntry] = ()
        self.places: list[Place] = []

    def fill(self, places: Sequence[Place], chosen: Place | None = None, log: Iterable[AnyEntry] = ()) -> None:
        """Show these and no others, with the cursor on the one that is chosen, else where it stands."""
        self.places = list(places)
        lines: list[Place | AnyEntry] = [*self.places, *log]
        if len(lines) > len(self.places):
            lines.sort(key=_first_frame)
        self._lines = lines
        self.show(len(lines), lines.index(chosen) if chosen is not None and chosen in lines else self.cursor)

    @property
    def under_cursor(self) -> Place | AnyEntry | None:
        """What stands there, None where nothing does."""
        return self._lines[self.cursor] if self._lines else None

    @property
    def chosen(self) -> Place | None:
        """The connection under the cursor, None where there is none."""
        return found if isinstance(found := self.under_cursor, Place) else None

    def text_of(self, place: int, width: int) -> Text:
        found = self._lines[place]
        digits = len(str(self.places[-1].number)) if self.places else 1
        if isinstance(found, LogEntry):
            time = right(self._clock.time(found.time_ns), 12)
            return Text(" ").join((Text(" " * (digits + 2)), time, told(f"{found.host}:", "host"), told(found.message)))
        connection = found.connection
        who = (width - 29 - digits) * 2 // 5
        return Text(" ").join(
            (
                sign(worst_of(connection)),
                right(str(connection.number), digits, "quiet"),
                right(self._clock.time(connection.start_ns), 12),
                cell(connection.service or connection.transport.protocol, 10, "quiet"),
                ends(connection.client.label, connection.server.label, who),
                told(connection.outcome),
            )
        )


def _first_frame(line: Place | AnyEntry) -> int:
    return line.frame if isinstance(line, LogEntry) else line.first_frame


def in_full(line: Place | AnyEntry) -> Text:
    """What has no room in a row: both ends, the outcome, the worst finding; or all that was logged."""
    if isinstance(line, LogEntry):
        return joined(told(f"{line.host} logged, frame {line.frame}", "host"), told(line.message))
    connection = line.connection
    worst = worst_of(connection)
    found = [finding for finding in connection.findings if finding.severity is worst]
    who = f"{connection.client.label} ({connection.client}) → {connection.server.label} ({connection.server})"
    lines = [told(who, "host"), told(connection.outcome)]
    lines += [Text(" ").join((sign(worst), told(finding.text))) for finding in found[:1]]
    return joined(*lines)
