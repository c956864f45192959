"""The list of connections, with the sign of the worst that was found in each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from testbed.report.clock import Clock
from testbed.report.timeline import worst_of
from testbed.trace.model.connection import Connection
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.words import cell, ends, joined, right, sign, told


class Connections(Rows):
    """A row for each: sign, number, time, service, who → whom, outcome."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.places: list[Place] = []

    def fill(self, places: Sequence[Place], cursor: int = 0) -> None:
        """Show these and no others."""
        self.places = list(places)
        self.show(len(self.places), cursor)

    @property
    def chosen(self) -> Place | None:
        """The one under the cursor, None where there is none."""
        return self.places[self.cursor] if self.places else None

    def text_of(self, place: int, width: int) -> Text:
        connection, digits = self.places[place].connection, len(str(self.places[-1].number))
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


def in_full(connection: Connection) -> Text:
    """What has no room in a row: both ends, the outcome, the worst finding."""
    worst = worst_of(connection)
    found = [finding for finding in connection.findings if finding.severity is worst]
    who = f"{connection.client.label} ({connection.client}) → {connection.server.label} ({connection.server})"
    lines = [told(who, "host"), told(connection.outcome)]
    lines += [Text(" ").join((sign(worst), told(finding.text))) for finding in found[:1]]
    return joined(*lines)
