"""What hosts logged into a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, cast

from msgspec import Struct

from testbed.pcap.capture import JournalEntry
from testbed.protocols.events import LabStarted, LogEvent, event_of
from testbed.protocols.text import printable

_PREFIX = "TESTBED_"
_VERBATIM = "scenario"  # the text a trace is judged by

E_co = TypeVar("E_co", bound=LogEvent | None, covariant=True)
E = TypeVar("E", bound=LogEvent)


class LogEntry(Struct, Generic[E_co], frozen=True):
    """A line a host logged into the trace (a systemd journal export block), with the event it tells of."""

    frame: int
    time_ns: int
    host: str
    event: E_co
    message: str


AnyEntry = LogEntry[LogEvent | None]
"""An entry without an event is a stranger's, or is no entry any host of ours would write."""


def log_entry(entry: JournalEntry) -> AnyEntry:
    """What a journal entry says, safe to show."""
    ours = {name.removeprefix(_PREFIX).lower(): text for name, text in entry.fields.items() if name.startswith(_PREFIX)}
    safe = {name: text if name == _VERBATIM else printable(text) for name, text in ours.items()}
    exact, micros = ours.get("time_ns", ""), entry.fields.get("__REALTIME_TIMESTAMP", "")
    return LogEntry(
        frame=entry.frame,
        time_ns=int(exact) if _is_number(exact) else int(micros) * 1000 if _is_number(micros) else 0,
        host=printable(entry.fields.get("_HOSTNAME", "")),
        event=event_of(ours.get("event", ""), safe),
        message=printable(entry.fields.get("MESSAGE", "")),
    )


def of(log: Iterable[AnyEntry], *kinds: type[E]) -> Iterator[LogEntry[E]]:
    """The entries that tell of events of these kinds."""
    for entry in log:
        if isinstance(entry.event, kinds):
            yield cast("LogEntry[E]", entry)  # a class of ours cannot narrow its own parameter


def lab_of(log: Sequence[AnyEntry]) -> LabStarted | None:
    """What a lab says of itself in the first entry of its trace; None for any other capture's log."""
    event = log[0].event if log else None
    return event if isinstance(event, LabStarted) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
