"""The connections of a capture on which mail is handed over, as a scenario's parts are made of them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from testbed.durations import SECOND
from testbed.reproduce.parties import Cast, Party, is_mail
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Exchange

GREETED = "connect"
PATIENCE_NS = 300 * SECOND  # of the lab's clients for a connection


class Visit(Struct, frozen=True):
    """A client's connection to a mail server; times count from the capture's beginning."""

    connection: Connection
    client: Party
    server: Party
    start_ns: int
    end_ns: int

    @property
    def opened(self) -> bool:
        """Whether TCP's handshake was completed."""
        return self.connection.opening.handshake in (Handshake.COMPLETE, Handshake.UNSEEN)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What was said."""
        return self.connection.exchanges

    @property
    def until_ns(self) -> int:
        """Until when its client was busy with it: who gets no answer waits, and shows no packets in the end."""
        unanswered = self.connection.opening.handshake is Handshake.UNANSWERED
        return max(self.end_ns, self.start_ns + PATIENCE_NS) if unanswered else self.end_ns

    @property
    def frames(self) -> tuple[int, ...]:
        """Where it begins."""
        return (self.connection.first_frame,)

    @property
    def verbs(self) -> list[str]:
        """The client's commands in order."""
        return [e.command.verb for e in self.exchanges if e.command is not None]


def visits(analysis: Analysis, cast: Cast) -> list[Visit]:
    """All of them, in order of time."""
    return sorted(_visits(analysis, cast), key=lambda visit: visit.start_ns)


def _visits(analysis: Analysis, cast: Cast) -> Iterator[Visit]:
    for connection in analysis.connections:
        if is_mail(connection):
            yield Visit(
                connection,
                cast.client(connection),
                cast.server(connection),
                connection.start_ns - analysis.start_ns,
                connection.end_ns - analysis.start_ns,
            )
