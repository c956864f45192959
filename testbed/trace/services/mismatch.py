"""Two that do not speak the same: TLS to a port of plain text, plain text to a port of TLS, HTTP to a mail server.

Whatever else such a connection shows comes of that, so nothing else is told of its dialogue.
"""

from __future__ import annotations

from collections.abc import Iterator

from testbed.durations import SECOND, rough
from testbed.trace.model.connection import Closure, Connection, Handshake
from testbed.trace.model.exchange import Reply
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.table import port_of

_ALERT_OCTETS = 7  # of TLS, in clear
_PATIENCE_NS = 2 * SECOND  # whoever waited less was not waiting for a greeting
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT"))
_OF_MAIL = frozenset(("smtp", "submission", "pop3", "imap", "lmtp"))


def mismatch(connection: Connection) -> Iterator[Finding]:
    """Why the two never understood each other, in one sentence; nothing where they did."""
    yield from _tls_to_plain_port(connection)
    yield from _plain_to_tls_port(connection)
    yield from _http_to_mail(connection)


def _tls_to_plain_port(connection: Connection) -> Iterator[Finding]:
    tls = connection.tls
    if tls is None or not tls.plain_answer or connection.transport.gaps:
        return
    if connection.opening.handshake is not Handshake.COMPLETE:  # what was said before may have agreed to TLS
        return
    text = f"{connection.client.label} began with TLS at once, but {connection.server.label} speaks plain text on port "
    text += f"{connection.server.port}: use STARTTLS there, or the port for implicit TLS"
    refusal = next((reply for reply in _replies(connection) if reply.code[:1] in ("4", "5")), None)
    text += f"; it answered {refusal.status} {refusal.text}".rstrip() if refusal is not None else ""
    frames = (tls.hello_frame, tls.plain_answer)
    yield connection.finding("tls-to-plain-port", Severity.ERROR, text, frames, "RFC 8314 §3")


def _plain_to_tls_port(connection: Connection) -> Iterator[Finding]:
    port, transport = port_of("tcp", connection.server.port), connection.transport
    if port is None or not port.inside or connection.tls is not None or transport.gaps or any(_replies(connection)):
        return
    if connection.opening.handshake is not Handshake.COMPLETE or connection.unheard is not None:
        return
    if transport.server_octets > _ALERT_OCTETS or connection.ending.closure is Closure.OPEN:
        return
    client, server = connection.client.label, connection.server.label
    text = f"on port {connection.server.port} TLS begins at once, "
    if connection.exchanges or transport.words:
        text += f"but {client} spoke plain text to {server}"
        text += ", which answered with a TLS alert" if transport.server_octets else ""
    elif (
        not (transport.client_octets or transport.server_octets)
        and connection.end_ns - connection.start_ns >= _PATIENCE_NS
    ):
        waited = rough(connection.end_ns - connection.start_ns)
        text += f"but {client} did not begin with it, as if it waited for a greeting in clear; "
        text += f"it and {server} said nothing for {waited}"
    else:
        return
    frames = tuple(dict.fromkeys((connection.first_frame, *connection.ending.frames[:1])))
    yield connection.finding("plain-to-tls-port", Severity.ERROR, text, frames, "RFC 8314 §3")


def _http_to_mail(connection: Connection) -> Iterator[Finding]:
    said = (e for e in connection.exchanges if e.command is not None and e.command.verb != "connect")
    first = next(said, None)
    if connection.service not in _OF_MAIL or first is None or first.command is None:
        return
    if first.command.verb in _METHODS and "HTTP/1." in first.command.argument:
        text = f"{connection.client.label} speaks HTTP to {connection.server.label} port {connection.server.port}, "
        text += f"which expects {connection.service.upper()}"
        yield connection.finding("http-to-mail-port", Severity.ERROR, text, first.frames, "RFC 5321 §4.1.1")


def _replies(connection: Connection) -> Iterator[Reply]:
    return (reply for exchange in connection.exchanges for reply in exchange.replies)
