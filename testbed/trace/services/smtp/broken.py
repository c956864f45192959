"""Dialogues that break off, or do not get on: who fell silent, stopped reading, or never finished speaking."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from testbed.durations import SECOND, rough
from testbed.protocols import refusals
from testbed.protocols.text import shortened
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.exchange import Command, Exchange, Reply
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.smtp.leaving import spoke_to_closed
from testbed.trace.services.smtp.patience import drawn_out
from testbed.trace.services.smtp.spilled import SentTooEarly

_ENDLESS = "reply-endless"  # a remark, and a finding of its own
_UNHEARD = frozenset(("octets-never-arrived", "large-packets-lost", "connection-dead"))
_BETWEEN_MESSAGES = ("the message", "RSET", "NOOP")
_FEWEST_PIECES, _MOST_OCTETS = 8, 3  # of a reply said octet by octet, and of each of its pieces
_MAX_FRAMES = 20
_SOON_NS = SECOND  # within it a reply may still be on its way
_MOST_QUOTED = 80
_SERVER_ZERO_WINDOW = "w"  # in Zeek's history


def ends_idleness(connection: Connection, exchange: Exchange) -> bool:
    """Whether a server closes because its client says nothing (RFC 5321 §4.5.3.2.7), though it might have."""
    if any(remark.code == "window-closed" and remark.detail == "server" for remark in connection.transport.remarks):
        return False  # it was the server that took nothing
    return exchange.command is None and _is_of_idleness(exchange)


def spoke_in_vain(connection: Connection) -> bool:
    """Whether the client did speak, and what it said did not arrive."""
    return any(remark.code in _UNHEARD and remark.detail[:6] == "client" for remark in connection.transport.remarks)


def speaks_past_it(connection: Connection, exchange: Exchange) -> bool:
    """Whether a server closes because its client says nothing, and the command before has not come to it."""
    command, reply = exchange.command, exchange.reply
    if command is None or reply is None or not _is_of_idleness(exchange):
        return False
    torn = connection.ending.closure is Closure.RESET and connection.ending.frames[:1] < reply.frames[:1]
    return torn or _never_arrived(connection, command)


def _never_arrived(connection: Connection, command: Command) -> bool:
    """Whether a command was repeated, and never acknowledged."""
    dead = [r for r in connection.transport.remarks if (r.code, r.detail) == ("connection-dead", "client")]
    return any(frame in remark.frames for remark in dead for frame in command.frames)


def _is_of_idleness(exchange: Exchange) -> bool:
    reply = exchange.reply
    return reply is not None and refusals.ends_idleness(reply.code, reply.enhanced, reply.text)


def stalled_client(connection: Connection) -> Iterator[Finding]:
    """A client that said nothing any more, until the server closed the connection.

    Between two messages it may do so: it keeps the connection for the next.
    """
    for exchange in connection.exchanges if not spoke_in_vain(connection) else ():
        if exchange.reply is None or not ends_idleness(connection, exchange):
            continue
        end = exchange.reply.time_ns
        said = [e for e in connection.exchanges if e is not exchange and _time(e) < end]
        last = max(said, key=_time, default=exchange)
        if last.unseen:
            continue  # what it said then is not in the capture
        after = f"in the middle of {_what(last)}" if last.reply is None else f"after {_reply_to(last)}"
        text = (
            f"{connection.client.label} said nothing for {rough(end - _time(last))} {after}, until "
            f"{connection.server.label} closed the connection with {exchange.reply.status}"
        )
        text += f' "{shortened(exchange.reply.text, _MOST_QUOTED)}"' if exchange.reply.text.strip() else ""
        frames = tuple(dict.fromkeys((*last.frames[-1:], *exchange.reply.frames)))
        if last.reply is not None and _what(last) in _BETWEEN_MESSAGES:
            yield connection.finding("idle-connection-closed", Severity.INFO, text, frames, "RFC 5321 §4.5.3.2.7")
        else:
            yield _cut(connection, "client-stalled", text, frames, "RFC 5321 §4.5.3.2.7")


def slow_replies(connection: Connection) -> Iterator[Finding]:
    """Replies that came in crumbs."""
    for exchange in connection.exchanges:
        reply = exchange.reply
        if reply is None or not _in_crumbs(reply):
            continue
        text = f"{connection.server.label} sent {_reply_to(exchange)}, of {reply.octets} octets, in "
        text += f"{len(reply.frames)} pieces: the client's timeout may expire before it is complete"
        frames = reply.frames[:_MAX_FRAMES]
        yield connection.finding("slow-reply", Severity.WARNING, text, frames, "RFC 5321 §4.5.3.2")


def _in_crumbs(reply: Reply) -> bool:
    return len(reply.frames) >= _FEWEST_PIECES and reply.octets <= _MOST_OCTETS * len(reply.frames)


def _time(exchange: Exchange) -> int:
    said = exchange.reply or exchange.command
    return said.time_ns if said is not None else 0


def _what(exchange: Exchange) -> str:
    verb = exchange.command.verb if exchange.command is not None else ""
    return "the message" if verb == "message" else verb


def _reply_to(exchange: Exchange) -> str:
    what = _what(exchange)
    return "the greeting" if what in ("connect", "") else f"the reply to {what}"


def cut_dialogue(connection: Connection) -> Iterator[Finding]:
    """Commands that never got their reply."""
    if connection.unheard is not None or any(remark.code == _ENDLESS for remark in connection.remarks):
        return
    if connection.tls is not None and any(alert.fatal for alert in connection.tls.alerts):
        return  # the alert tells why
    if connection.ending.closure is Closure.OPEN:
        yield from _unfinished(connection)
        return
    for exchange in connection.exchanges:
        if exchange.unseen and exchange.command is not None and not exchange.command.whole:
            text = f"the end of the message is not in the capture, nor is {connection.server.label}'s reply"
            frames = exchange.command.frames[-1:]
            yield connection.finding("message-not-captured", Severity.INFO, text, frames, "")
    spoken = [e for e in connection.exchanges if e.command is not None and not e.unseen]
    spoken = [e for e in spoken if not isinstance(e.result, SentTooEarly)]
    silent = [e for e in spoken if e.reply is None or not e.reply.whole]
    heard = [exchange for exchange in silent if exchange.reply is not None or not spoke_to_closed(connection, exchange)]
    ungreeted = not any(exchange.reply is not None for exchange in connection.exchanges)
    if silent and not heard and not ungreeted:
        return  # to whoever had left, nothing was said
    silent = heard
    if not silent:
        if not ungreeted or connection.opening.handshake is not Handshake.COMPLETE or connection.transport.gaps:
            return
        if connection.ending.by == "server":
            yield _hung_up(connection, "greeting", connection.ending.frames or (connection.last_frame,))
        elif connection.transport.conn_state in ("S2", "S3", "SF"):
            yield _silence(connection, "accepting the connection", connection.start_ns, (connection.last_frame,))
        return
    first = silent[0]
    assert first.command is not None
    if _never_arrived(connection, first.command) or (_what(first) == "the message" and spoke_in_vain(connection)):
        return  # which is told
    if _ends_at_once(connection, first.command):
        yield _capture_ends(connection, first.command, ungreeted=ungreeted)
    elif first.command.verb == "message" and first.command.whole:
        when = "before" if first.reply is None else "in the middle of"
        text = (
            f"the connection ended after the final dot and {when} {connection.server.label}'s reply: "
            f"{connection.client.label} cannot know whether the message was taken, and will send it again"
        )
        yield _cut(connection, "reply-to-message-lost", text, _last(connection, first), "RFC 1047")
    elif (
        first.command.verb == "message"
        and _SERVER_ZERO_WINDOW in connection.transport.history
        and not connection.transport.gaps
    ):
        text = (
            f"{connection.server.label} stopped reading in the middle of the message (its window closed), and "
            f"{connection.client.label} gave up {rough(connection.end_ns - first.command.time_ns)} later"
        )
        yield _cut(connection, "server-stopped-reading", text, _last(connection, first), "RFC 5321 §4.5.3.2.5")
    elif first.command.verb == "message":
        text = f"the connection ended in the middle of the message; {connection.server.label} must not deliver it"
        yield _cut(connection, "message-cut-off", text, _last(connection, first), "RFC 5321 §4.1.1.10")
    elif first.reply is not None and _in_crumbs(first.reply):
        return  # that tells why
    elif first.reply is not None:
        text = f"the connection ended in the middle of {connection.server.label}'s reply to {first.command.verb}: "
        text += f"{connection.client.label} cannot know what it would have been"
        yield _cut(connection, "reply-cut", text, _last(connection, first), "RFC 5321 §4.2")
    elif _said_it_closes(connection):
        return  # a 421 answers what was sent with it or behind it, too (RFC 5321 §3.8)
    elif any(remark.code == "data-before-354" for remark in connection.remarks):
        return  # these were no commands
    elif first.command.verb != "QUIT" and connection.ending.by == "server":
        yield _hung_up(connection, f"answering {first.command.verb}", _last(connection, first))
    elif first.command.verb != "QUIT" and not any(drawn_out(connection)):
        yield _silence(connection, first.command.verb, first.command.time_ns, _last(connection, first))


def _unfinished(connection: Connection) -> Iterator[Finding]:
    """A capture that ends while somebody waits."""
    waiting = list(takewhile(lambda e: e.command is not None and e.reply is None, reversed(connection.exchanges)))
    if waiting and waiting[-1].command is not None:
        if _never_arrived(connection, waiting[-1].command):
            return  # which is told
        ungreeted = not any(exchange.reply is not None for exchange in connection.exchanges)
        yield _capture_ends(connection, waiting[-1].command, ungreeted=ungreeted)
    elif not connection.exchanges and connection.tls is None and connection.opening.handshake is Handshake.COMPLETE:
        text = f"the capture ends before {connection.server.label}'s greeting"
        yield connection.finding("capture-ends", Severity.INFO, text, (connection.last_frame,), "")


def _capture_ends(connection: Connection, command: Command, *, ungreeted: bool) -> Finding:
    what = (
        f"in the middle of a message from {connection.client.label}"
        if not command.whole
        else f"before any reply from {connection.server.label}"
        if ungreeted
        else f"before the reply to {command.verb} from {connection.client.label}"
    )
    text = f"the capture ends {what}"
    return connection.finding("capture-ends", Severity.INFO, text, command.frames[-1:], "")


def _ends_at_once(connection: Connection, command: Command) -> bool:
    """Whether the capture ends so soon behind a client's FIN that nothing of the server's could be in it."""
    return connection.transport.conn_state == "S2" and connection.end_ns - command.time_ns < _SOON_NS


def _said_it_closes(connection: Connection) -> bool:
    ending = connection.ending
    closing = [e.reply for e in connection.exchanges if e.reply is not None and e.reply.code == "421"]
    return ending.by == "server" and any(reply.frames[0] <= ending.frames[0] for reply in closing)


def _hung_up(connection: Connection, instead_of: str, frames: tuple[int, ...]) -> Finding:
    how = "reset" if connection.ending.closure is Closure.RESET else "closed"
    text = f"{connection.server.label} {how} the connection instead of {instead_of}; this counts as a temporary refusal"
    return _cut(connection, "server-hung-up", text, frames, "RFC 5321 §3.8")


def _silence(connection: Connection, after: str, since_ns: int, frames: tuple[int, ...]) -> Finding:
    code, reference = "no-reply", "RFC 5321 §4.5.3.2"
    if after == "accepting the connection":
        code, reference = "no-greeting", "RFC 5321 §4.5.3.2.1"
    waited = rough(connection.end_ns - since_ns)
    text = f"{connection.server.label} said nothing for {waited} after {after}, until {connection.client.label} gave up"
    return _cut(connection, code, text, frames, reference)


def _last(connection: Connection, exchange: Exchange) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*exchange.frames[-1:], *connection.ending.frames[:1])))


def _cut(connection: Connection, code: str, text: str, frames: tuple[int, ...], reference: str) -> Finding:
    severity = Severity.INFO if connection.all_taken else Severity.ERROR
    return connection.finding(code, severity, text, frames, reference)
