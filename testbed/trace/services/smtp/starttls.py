"""STARTTLS that leads nowhere: refused, never finished, or taken out by somebody on the way (RFC 3207)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.protocols.smtp import BEGINS_TLS
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.model.finding import Finding, Severity

_SAYS_TOO_MUCH = frozenset({"MAIL", "AUTH"})
_HELLOS = frozenset({"EHLO", "LHLO"})


def gave_up_without_tls(connection: Connection) -> Iterator[Finding]:
    """STARTTLS was refused, and the client rather said nothing than say it in clear."""
    if connection.ending.closure is Closure.OPEN or connection.transport.gaps:
        return
    refused = [e for e in connection.exchanges if _verb(e) == "STARTTLS" and e.reply and e.reply.code[:1] in "45"]
    if not refused or any(_verb(exchange) in _SAYS_TOO_MUCH for exchange in connection.exchanges):
        return
    reply = refused[-1].reply
    assert reply is not None
    text = f"{connection.server.label} refused STARTTLS ({reply.status}), and {connection.client.label} gave up "
    text += "rather than send anything without encryption"
    frames = (*reply.frames, *connection.ending.frames[:1])
    yield connection.finding("gave-up-without-tls", Severity.WARNING, text, frames, "RFC 3207 §4.1")


def lost_starttls(connections: Iterable[Connection]) -> Iterator[Finding]:
    """A server that offers STARTTLS to a client on one connection, and not on another."""
    offers: dict[tuple[str, str, int], Reply] = {}
    without: list[tuple[Connection, Reply]] = []
    for connection in connections:
        reply = _clear_answer_to_hello(connection)
        if reply is not None and _offers(reply):
            offers.setdefault(_ends(connection), reply)
        elif reply is not None:
            without.append((connection, reply))
    for connection, reply in [one for one in without if _ends(one[0]) in offers]:
        client, server = connection.client.label, connection.server.label
        text = f"{server} did not offer STARTTLS to {client}, although it does on another connection: "
        text += "something on the way may have removed it"
        text += "; mail went without encryption" if _has_mail(connection) else ""
        frames = (*reply.frames[:1], *offers[_ends(connection)].frames[:1])
        yield connection.finding("starttls-stripped", Severity.WARNING, text, frames, "RFC 3207 §6")


def fallbacks(connections: Iterable[Connection]) -> Iterator[Finding]:
    """TLS failed, and the client came back and sent mail without it, although it was offered again."""
    failed: dict[tuple[str, str, int], Connection] = {}
    for connection in connections:
        if _agreed(connection) is not None:
            if connection.tls is None or any(alert.fatal for alert in connection.tls.alerts):
                failed[_ends(connection)] = connection
            else:
                failed.pop(_ends(connection), None)
            continue
        before = failed.pop(_ends(connection), None) if _has_mail(connection) else None
        reply = _clear_answer_to_hello(connection)
        if before is None or reply is None or not _offers(reply):
            continue
        text = f"after TLS with {connection.server.label} had failed, {connection.client.label} came back and sent "
        text += "mail without encryption"
        frames = (before.last_frame, *connection.transactions[0].frames[:1])
        numbers = (before.number, connection.number)
        yield Finding("fell-back-to-clear", Severity.WARNING, text, frames, "RFC 7435 §3", numbers)


def _agreed(connection: Connection) -> Reply | None:
    """The reply that says TLS may begin."""
    replies = (e.reply for e in connection.exchanges if _verb(e) in BEGINS_TLS)
    return next((reply for reply in replies if reply is not None and reply.code == "220"), None)


def _clear_answer_to_hello(connection: Connection) -> Reply | None:
    """The first positive answer to EHLO, or to LMTP's LHLO, where TLS did not come before it."""
    if connection.tls is not None and connection.tls.implicit:
        return None
    found = next((e for e in connection.exchanges if _verb(e) in _HELLOS and e.reply and e.reply.code == "250"), None)
    return found.reply if found is not None else None


def _offers(reply: Reply) -> bool:
    return any(line.strip().upper() == "STARTTLS" for line in reply.lines)


def _has_mail(connection: Connection) -> bool:
    return bool(connection.transactions)


def _verb(exchange: Exchange) -> str:
    return exchange.command.verb if exchange.command is not None else ""


def _ends(connection: Connection) -> tuple[str, str, int]:
    return connection.client.label, connection.server.label, connection.server.port
