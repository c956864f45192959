"""What hosts logged of mail, as marks on their lanes: only the lab's own hosts do; of others, arrows have to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from testbed.durations import SECOND, format_duration
from testbed.protocols import events
from testbed.protocols.events import LogEvent
from testbed.report.pictures.lanes import Lanes
from testbed.report.pictures.values import Mark, Mood, Sign
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import AnyEntry, of


class _Told(Struct, frozen=True):
    """What a mark says of an event."""

    sign: Sign
    text: str
    mood: Mood = Mood.QUIET
    who: tuple[str, ...] = ()
    before_whom: str = ""
    detail: str = ""


def marks(log: Iterable[AnyEntry], lanes: Lanes) -> Iterator[Mark]:
    """The marks of a log, in its order; what one host did for several at once is one mark."""
    before: Mark | None = None
    for entry in log:
        tell = _TELLERS.get(type(entry.event))
        lane = lanes.named(entry.host)
        if tell is None or lane is None or entry.event is None:
            continue
        told = tell(entry.event, entry.message)
        if told is None:
            continue
        mark = Mark(
            entry.time_ns,
            lane,
            told.sign,
            told.text,
            told.who,
            told.mood,
            entry.frame,
            told.detail,
            told.before_whom,
        )
        if before is not None and _joins(before, mark):
            before = replace(before, who=tuple(dict.fromkeys((*before.who, *mark.who))))
            continue
        if before is not None:
            yield before
        before = mark
    if before is not None:
        yield before


class Struck:
    """Finds the faults of a lab that struck a connection: a packet of it, or one of its hosts while it lasted."""

    def __init__(self, log: Iterable[AnyEntry]) -> None:
        self._faults = [entry for entry in of(log, events.Fault) if not entry.event.vain]
        self._found: set[int] = set()

    def on(self, connection: Connection) -> tuple[str, ...]:
        """What struck it, each kind once."""
        hosts = {connection.client.label, connection.server.label}
        here = [
            entry
            for entry in self._faults
            if connection.first_frame <= (entry.event.at_frame or entry.frame) <= connection.last_frame
            and (entry.event.at_frame is not None or entry.host in hosts)
        ]
        self._found |= {entry.frame for entry in here}
        return tuple(dict.fromkeys(entry.message for entry in here))

    def rest(self, log: Iterable[AnyEntry]) -> Iterator[AnyEntry]:
        """The log without those found."""
        return (entry for entry in log if not isinstance(entry.event, events.Fault) or entry.frame not in self._found)


def _joins(before: Mark, mark: Mark) -> bool:
    same = (before.lane, before.sign, before.text, before.detail) == (mark.lane, mark.sign, mark.text, mark.detail)
    return same and bool(mark.who) and mark.time_ns - before.time_ns < SECOND


def _fault(event: LogEvent, message: str) -> _Told | None:
    assert isinstance(event, events.Fault)
    return None if event.vain or event.at_frame is not None else _Told(Sign.FAULT, f"staged: {message}")


def _deferred(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Deferred)
    again = f"; next try in {_later(event.retry_in)}"
    return _Told(Sign.WAITS, "waits here", Mood.TEMPORARY, (event.recipient,), "for", again)


def _kept(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.KeptInOutbox)
    return _Told(Sign.WAITS, "stays in the outbox", Mood.TEMPORARY, detail=f"; next try in {_later(event.retry_in)}")


def _bounced(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Bounced)
    told = f", and tells {event.sender}" if event.dsn_id and event.sender else ""
    return _Told(Sign.BOUNCED, "gives up", Mood.FAILED, (event.recipient,), "on", told)


def _discarded(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Discarded)
    return _Told(Sign.BOUNCED, "drops it without a word", Mood.FAILED, (event.recipient,), "for")


def _notified(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Notified)
    return _Told(
        Sign.NOTE, f"tells {event.sender} that mail is {event.action}", who=(event.recipient,), before_whom="for"
    )


def _stored(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Stored)
    what = "in the mailbox" if event.sender else "the notification is in the mailbox"
    return _Told(Sign.STORED, what, Mood.OK, (event.recipient,), "of")


def _forwarded(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Forwarded)
    return _Told(Sign.NOTE, f"sends mail for {event.recipient} on", who=(event.target,), before_whom="to")


def _expanded(event: LogEvent, message: str) -> _Told:
    assert isinstance(event, events.Expanded)
    return _Told(Sign.NOTE, f"sends mail for {event.recipient} on", who=event.members, before_whom="to")


def _tls(event: LogEvent, message: str) -> _Told | None:
    assert isinstance(event, events.TlsJudged)
    if event.deed != "wait":
        return None
    return _Told(Sign.NOTE, f"sends no mail there: {event.reason or event.result}", Mood.TEMPORARY)


def _simply(sign: Sign, text: str, mood: Mood) -> Callable[[LogEvent, str], _Told]:
    return lambda event, message: _Told(sign, text, mood)


def _later(seconds: int) -> str:
    return format_duration(seconds * SECOND)


_TELLERS: dict[type[LogEvent | None], Callable[[LogEvent, str], _Told | None]] = {
    events.Fault: _fault,
    events.Deferred: _deferred,
    events.KeptInOutbox: _kept,
    events.Bounced: _bounced,
    events.Discarded: _discarded,
    events.Notified: _notified,
    events.Stored: _stored,
    events.Forwarded: _forwarded,
    events.Expanded: _expanded,
    events.TlsJudged: _tls,
    events.Crashed: _simply(Sign.DOWN, "crashes", Mood.FAILED),
    events.Restarted: _simply(Sign.UP, "runs again", Mood.QUIET),
    events.Emptied: _simply(Sign.NOTE, "the mailbox is emptied", Mood.QUIET),
}
