"""Clients and servers that leave at the wrong moment, or speak to whoever has left."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.durations import SECOND, rough
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity

_OF_NO_MAIL = ("RSET", "NOOP", "QUIT")
_NEEDS_NO_QUIT = ("421", "521")  # the server closes by itself (RFC 5321 §3.8, RFC 7504 §3)
_PROMPT_NS = 5 * SECOND  # no server is late with its greeting so soon: its client only probed the port
_ACK_LOST = "third-ack-lost"
_CLIENT_RESET = "R"  # in Zeek's history
PAUSE_NS = SECOND  # no client that only pipelines is silent for so long


def spoke_to_closed(connection: Connection, exchange: Exchange) -> bool:
    """Whether a command came after the server's FIN: it is not the server that owes an answer."""
    command, ending = exchange.command, connection.ending
    sent = command.frames if command is not None else ()
    return ending.by == "server" and bool(sent and ending.frames) and sent[0] > ending.frames[0]


def left_at(connection: Connection) -> tuple[int, int] | None:
    """When, and in which frame, a client left without QUIT, None where it did not."""
    ending = connection.ending
    for span in connection.phases if ending.by == "client" else ():
        if ending.frames[:1] == (span.first_frame,):
            return span.start_ns, span.first_frame
    return None


def left_before(connection: Connection, exchange: Exchange) -> bool:
    """Whether a reply came to a client that had left: its RST shows it, or that it had long waited in vain."""
    command, reply, ending = exchange.command, exchange.reply, connection.ending
    if reply is None or ending.by != "client" or not ending.frames or reply.frames[0] <= ending.frames[0]:
        return False
    left = left_at(connection)
    waited = left is not None and command is not None and left[0] - command.time_ns >= PAUSE_NS
    return waited or _CLIENT_RESET in connection.transport.history


def talked_to_nobody(connection: Connection) -> Iterator[Finding]:
    """A client that spoke on although the server had closed the connection."""
    late = [e for e in connection.exchanges if e.reply is None and spoke_to_closed(connection, e)]
    if not late or late[0].command is None or not _greeted(connection):
        return
    if all(exchange.command is not None and exchange.command.verb == "QUIT" for exchange in late):
        return  # they crossed, or it was only polite
    verb, client = late[0].command.verb, connection.client.label
    text = f"{client} sent {verb} after {connection.server.label} had closed the connection: nobody refused it"
    frames = (connection.ending.frames[0], late[0].command.frames[0])
    severity = Severity.INFO if verb in _OF_NO_MAIL else Severity.WARNING
    yield connection.finding("spoke-to-closed-connection", severity, text, frames, "RFC 5321 §3.8")


def late_greeting(connection: Connection) -> Iterator[Finding]:
    """A greeting that found nobody any more."""
    for exchange in connection.exchanges if len(connection.exchanges) == 1 else ():
        reply, command = exchange.reply, exchange.command
        if command is None or command.verb != "connect" or reply is None or connection.ending.by != "client":
            continue
        if any(remark.code == _ACK_LOST for remark in connection.transport.remarks):
            continue  # the server did not know that the connection was open
        if reply.frames[0] <= connection.ending.frames[0]:
            continue
        took_ns = reply.time_ns - connection.start_ns
        text = f"{connection.server.label} greeted {connection.client.label} after {rough(took_ns)}, when the client "
        text += "had already left; clients should wait 5 minutes"
        frames = (connection.ending.frames[0], reply.frames[0])
        severity = Severity.INFO if took_ns < _PROMPT_NS else Severity.ERROR
        yield connection.finding("greeting-too-late", severity, text, frames, "RFC 5321 §4.5.3.2.1")


def left_without_goodbye(connection: Connection) -> Iterator[Finding]:
    """A client that closed the connection without QUIT, though it waited for nothing."""
    exchanges, ending = connection.exchanges, connection.ending
    if ending.by != "client" or ending.closure not in (Closure.NORMAL, Closure.HALF) or connection.unheard is not None:
        return
    if connection.opening.handshake is not Handshake.COMPLETE or connection.transport.gaps or not exchanges:
        return
    if connection.tls is not None or any(e.reply is None or not e.reply.whole for e in exchanges):
        return
    if any(e.reply is not None and e.reply.code in _NEEDS_NO_QUIT for e in exchanges):
        return
    last = exchanges[-1]
    if any(e.command is not None and e.command.verb == "QUIT" for e in exchanges) or last.reply is None:
        return
    if last.reply.frames[0] > ending.frames[0] or not last.reply.code:
        return  # it did not wait for a reply, or got none that it could understand
    if last.command is not None and last.command.verb == "STARTTLS" and last.reply.code == "220":
        return  # TLS was to begin
    final = connection.transactions[-1] if connection.transactions else None
    amid = final is not None and any(
        to.reply is not None and to.final is None and not to.refused for to in final.recipients
    )
    if amid and final is not None and final.message is not None:
        return  # more replies were due
    where = "in the middle of a mail transaction, so no message was sent" if amid else "without QUIT"
    text = f"{connection.client.label} closed the connection {where}"
    severity = Severity.WARNING if amid else Severity.INFO
    frames = tuple(dict.fromkeys((last.reply.frames[-1], *ending.frames[:1])))
    yield connection.finding("no-quit", severity, text, frames, "RFC 5321 §4.1.1.10")


def _greeted(connection: Connection) -> bool:
    return any(exchange.reply is not None for exchange in connection.exchanges)
