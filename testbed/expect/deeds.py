"""Which connections are programs' own deeds: those of hosts they play, and those of steps that ran them.

A reply that a fault of the scenario gave in the name of a program is none.  What our own user agents do, and a ``talk``
says, the scenario has asked for.
"""

from __future__ import annotations

from msgspec import Struct

from testbed.protocols import events
from testbed.scenario.programs import Exited
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Reply
from testbed.trace.model.log import LogEntry, of


class Deed(Struct, frozen=True):
    """A program that ran on a host; ``exited`` is None for one that was stopped, or killed, or still runs.

    ``plays`` tells that it plays the host, all the time or when a step has it ``send`` or ``read``, as ``asked`` says.
    """

    host: str
    command: str
    plays: bool
    began_ns: int
    ended_ns: int
    exited: LogEntry[events.Exited] | None
    asked: str = ""

    def did(self, connection: Connection) -> bool:
        """Whether it is the client of a connection."""
        mine = connection.client.label == self.host
        return mine and self.began_ns <= connection.start_ns <= self.ended_ns


def deeds(analysis: Analysis) -> list[Deed]:
    """All programs that ran."""
    found, began_ns, open_since = [], 0, dict[str, LogEntry[events.Started]]()
    last_ns = max((entry.time_ns for entry in analysis.log), default=0)
    for entry in analysis.log:
        event = entry.event
        if isinstance(event, events.Step):
            began_ns = entry.time_ns
        elif isinstance(event, events.Started):
            open_since[entry.host] = LogEntry(entry.frame, entry.time_ns, entry.host, event, entry.message)
        elif isinstance(event, (events.Stopped, events.Crashed)) or (isinstance(event, events.Exited) and event.plays):
            started = open_since.pop(entry.host, None)
            exited = next(of([entry], events.Exited), None)
            if started is not None:
                command = started.event.command
                found.append(Deed(entry.host, command, True, started.time_ns, entry.time_ns, exited))
        elif isinstance(event, events.Exited):
            exited = next(of([entry], events.Exited))
            plays = bool(event.asked)
            found.append(Deed(entry.host, event.command, plays, began_ns, entry.time_ns, exited, event.asked))
    for host, started in open_since.items():
        found.append(Deed(host, started.event.command, True, started.time_ns, last_ns, None))
    return found


def is_foreseen(scenario: Scenario, deed: Deed) -> bool:
    """Whether an ``exited`` of the scenario is about how it ended."""
    return any(isinstance(one, Exited) and one.command in deed.command for one in scenario.foreseen)


class StagedReplies:
    """The replies that faults gave in the names of programs: each the first one, since it struck, that says so."""

    def __init__(self, analysis: Analysis) -> None:
        faults = [entry for entry in of(analysis.log, events.Fault) if entry.event.said]
        hosts = {entry.host for entry in faults}
        given = [
            (connection.server.label, reply)
            for connection in analysis.connections
            if connection.server.label in hosts
            for exchange in connection.exchanges
            for reply in exchange.replies
        ]
        given.sort(key=lambda one: one[1].time_ns)
        self._replies: set[Reply] = set()
        for entry in faults:
            for host, reply in given:
                said = f"{reply.status} {reply.lines[-1] if reply.lines else ''}".strip()
                later = reply.time_ns >= entry.time_ns and reply not in self._replies
                if host == entry.host and later and said == entry.event.said:
                    self._replies.add(reply)
                    break

    def __contains__(self, reply: object) -> bool:
        return reply in self._replies
