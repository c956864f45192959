"""What servers said otherwise than a server does that has nothing to complain of, as faults of the dialogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from testbed.durations import SECOND
from testbed.reproduce.draft import Data, Part
from testbed.reproduce.names import Names
from testbed.reproduce.runs import runs
from testbed.reproduce.spans import rounded, written
from testbed.reproduce.visits import GREETED, Visit
from testbed.trace.model.connection import Closure
from testbed.trace.model.exchange import Exchange, Reply

_USUAL = {
    "connect": "220",
    "HELO": "250",
    "EHLO": "250",
    "LHLO": "250",
    "STARTTLS": "220",
    "AUTH": "235",
    "MAIL": "250",
    "RCPT": "250",
    "DATA": "354",
    "message": "250",
    "QUIT": "221",
    "RSET": "250",
    "NOOP": "250",
    "VRFY": "252",
}
"""What a server of the lab answers to each command at which a fault can be staged."""
_LOST = frozenset({"large-packets-lost", "connection-dead"})
_FEW = 4  # octets
_LATE_NS = 2 * SECOND
_IDLE_NS = 60 * SECOND  # who closes so long after its last word has waited in vain


@dataclass(frozen=True, slots=True)
class Manner:
    """What a server did at one command: ``reply`` is what it said, lines with their codes, () for the usual.

    ``then`` is what it did to the connection, ``""`` for nothing; ``late_ns`` how late it was.  ``octet`` is where in
    the message it happened, 0 for behind it.
    """

    reply: tuple[str, ...] = ()
    then: str = ""
    after_reply: bool = False
    late_ns: int = 0
    octet: int = 0
    pace_ns: int = field(default=0, compare=False)


USUAL = Manner()


class _Event(Struct, frozen=True):
    visit: Visit
    stage: str
    whom: str
    manner: Manner
    frames: tuple[int, ...]


def replies(visits: Iterable[Visit], names: Names, explained: Collection[int] = ()) -> Iterator[Part]:
    """Faults at the servers of these connections, in the order in which they strike.

    ``explained`` are frames of replies that come about without.
    """
    rows: dict[tuple[str, str, str], list[_Event]] = defaultdict(list)
    whole: dict[tuple[str, str], list[_Event]] = defaultdict(list)
    for visit in visits:
        if not visit.opened:
            continue
        for event in _events(visit, names):
            if explained and set(event.frames) & set(explained):
                event = replace(event, manner=USUAL)
            rows[visit.server.name, event.stage, event.whom].append(event)
            whole[visit.server.name, event.stage].append(event)
    for (server, stage), events in whole.items():
        for_all = list(runs(events, lambda event: event.manner))
        by_recipient = [
            (whom, run)
            for (at, on, whom), row in rows.items()
            if (at, on) == (server, stage)
            for run in runs(row, lambda event: event.manner)
        ]
        striking = [("", run) for run in for_all if run.value != USUAL]
        single = [(whom, run) for whom, run in by_recipient if run.value != USUAL]
        several = len({event.whom for event in events}) > 1
        for whom, run in single if several and len(single) <= len(striking) else striking:
            data: Data = {"at": server, "on": stage}
            if whom:
                data["recipient"] = whom
            frames = tuple(frame for event in run.events for frame in event.frames)
            first = run.events[0].visit.start_ns
            yield Part({**data, **_said(run.value), **run.when}, frames, first)


def _said(manner: Manner) -> Data:
    told: Data = {}
    if manner.octet:
        told["octet"] = manner.octet
    if manner.reply:
        told["reply"] = manner.reply[0] if len(manner.reply) == 1 else list(manner.reply)
    if manner.late_ns:
        told["delay"] = written(rounded(manner.late_ns))
    if manner.then:
        told["then"] = manner.then
    if manner.pace_ns and rounded(manner.pace_ns) != SECOND:
        told["pace"] = written(rounded(manner.pace_ns))
    if manner.after_reply:
        told["after"] = "reply"
    return told


def _events(visit: Visit, names: Names) -> Iterator[_Event]:
    exchanges = [e for e in visit.exchanges if e.command is not None]
    if not exchanges and visit.connection.tls is None:
        told = {remark.code for remark in visit.connection.remarks}
        deed = "endless" if "reply-endless" in told else _end(visit) or "stall"
        yield _Event(visit, GREETED, "", Manner(then=deed), visit.frames)
    taken = False
    for place, exchange in enumerate(exchanges):
        command = exchange.command
        assert command is not None
        if command.verb == "MAIL":
            taken = False
        if command.verb == "RCPT" and exchange.reply is not None:
            taken |= exchange.reply.code.startswith("2")
        if command.verb not in _USUAL or exchange.unseen or (command.verb == "DATA" and _follows(exchange, taken)):
            continue
        last = place == len(exchanges) - 1
        if exchange.further or (visit.connection.service == "lmtp" and command.verb == "message"):
            yield from _each(visit, exchange, names, last=last)
            continue
        whom = names.address(_recipient(command.argument)) if command.verb == "RCPT" else ""
        manner = _manner(visit, exchange, exchange.reply, names, last=last)
        if manner is not None:
            yield _Event(visit, command.verb, whom, manner, exchange.reply_frames or exchange.frames)


def _follows(exchange: Exchange, taken: bool) -> bool:
    """Whether DATA was refused because nobody was there to have it (RFC 2920 §3.1)."""
    return not taken and exchange.reply is not None and exchange.reply.code.startswith("5")


def _each(visit: Visit, exchange: Exchange, names: Names, *, last: bool) -> Iterator[_Event]:
    """By LMTP a message is answered for each recipient that was taken."""
    taken = [
        to.address
        for transaction in visit.connection.transactions
        if transaction.message is exchange
        for to in transaction.recipients
        if not to.refused
    ]
    for number, address in enumerate(taken):
        reply = exchange.replies[number] if number < len(exchange.replies) else None
        ends = last and (reply is None or number == len(taken) - 1)
        if (manner := _manner(visit, exchange, reply, names, last=ends)) is not None:
            yield _Event(visit, "message", names.address(address), manner, reply.frames if reply else exchange.frames)
        if reply is None:
            break


def _recipient(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0] or argument.partition(":")[2].split(" ")[0]


def _manner(visit: Visit, exchange: Exchange, reply: Reply | None, names: Names, *, last: bool) -> Manner | None:
    """What the server did; None where nobody can tell."""
    command = exchange.command
    assert command is not None
    connection, said = visit.connection, reply is not None and reply.whole
    told = {remark.code for remark in connection.transport.remarks}
    if told & _LOST and reply is not None and reply.code == "421":
        return None  # it had heard nothing
    if command.verb == "DATA" and _stops_reading(visit, told):
        return Manner(then="deaf", after_reply=True)
    ended = _end(visit) if last else ""
    octet = 0 if command.whole or command.verb != "message" else max(1, command.octets - 1)
    if not said:
        if not command.whole:
            return Manner(then=ended, octet=octet) if ended in ("close", "reset") else None
        if any(remark.code == "reply-endless" for remark in connection.remarks) and last:
            return Manner(then="endless")
        if reply is not None and not reply.code:
            return Manner(then="garble")
        if connection.ending.by == "server" and ended:
            return Manner(then=ended)
        return Manner(then="stall") if last else None
    assert reply is not None
    usual = reply.code == _USUAL[command.verb] or (command.verb == "RCPT" and reply.code == "251")
    spoken = () if usual else said_lines(reply, names)
    if reply.code == "":
        return Manner(then="garble")
    since = visit.connection.start_ns if command.verb == GREETED else command.time_ns
    if usual and reply.octets > _FEW and len(reply.frames) > reply.octets // 2:  # an octet at a time
        return Manner(then="drip", pace_ns=(reply.end_ns - since) // reply.octets)
    late = max(0, reply.time_ns - since) if since >= connection.start_ns else 0
    late = late if late >= _LATE_NS else 0
    if command.verb == "STARTTLS" and usual and last:
        session = visit.connection.tls
        cut = ended and (session is None or not (session.version or session.alerts))
        return Manner(said_lines(reply, names), ended) if cut else USUAL
    if command.verb == "QUIT" or reply.code == "421":
        ended = ended if ended == "reset" else ""
    return Manner(spoken, ended, bool(ended) and not spoken, late, octet)


def _stops_reading(visit: Visit, told: Collection[str]) -> bool:
    """Whether a server closed its window in the middle of a message, and for good."""
    cut = any(e.command is not None and e.command.verb == "message" and not e.command.whole for e in visit.exchanges)
    return cut and "window-closed" in told and visit.connection.ending.by == "client"


def said_lines(reply: Reply, names: Names) -> tuple[str, ...]:
    """A reply as it stands in a scenario."""
    lines = reply.lines or ("",)
    enhanced = f"{reply.enhanced} " if reply.enhanced else ""
    told = [names.text(f"{enhanced}{line}".rstrip())[:400] for line in lines[:50]]
    return tuple(
        f"{reply.code}{' ' if number == len(told) - 1 else '-'}{line}".rstrip() for number, line in enumerate(told)
    )


def _end(visit: Visit) -> str:
    """``close`` or ``reset`` where the server ended the connection and nobody had said goodbye."""
    connection = visit.connection
    ending = connection.ending
    if ending.by != "server":
        return ""
    goodbye = any(e.command is not None and e.command.verb == "QUIT" and e.reply is not None for e in visit.exchanges)
    if ending.closure is Closure.RESET:
        return "reset"
    if any(e.command is None and e.reply is not None and e.reply.code == "421" for e in visit.exchanges):
        return ""  # its own patience was over
    last_ns = max((e.reply.end_ns for e in visit.exchanges if e.reply is not None), default=connection.start_ns)
    if goodbye or connection.end_ns - last_ns > _IDLE_NS:
        return ""
    return "close"
