"""Which connections are programs' own deeds: those of hosts they play, and those of steps that ran them.

What our own user agents do, and a ``talk`` says, the scenario has asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import LogEntry, of


@dataclass(frozen=True, slots=True)
class Deed:
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
