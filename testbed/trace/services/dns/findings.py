"""What goes wrong with DNS, as one question and its answer show it."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.protocols.address import is_ip
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.dns.results import Answer, usable_answer

# Answer: name of the finding, severity, what it means for mail.
_ANSWERS = {
    "NXDOMAIN": ("domain-unknown", Severity.ERROR, "the name does not exist; mail for it fails at once"),
    "SERVFAIL": ("name-server-failure", Severity.WARNING, "the name server failed; mail waits and is tried again"),
    "REFUSED": ("name-server-refuses", Severity.WARNING, "the name server refuses to answer; mail waits"),
}


def failed_lookups(connection: Connection) -> Iterator[Finding]:
    """Questions without a useful answer."""
    for exchange in connection.exchanges:
        if exchange.command is None or exchange.command.verb == "DNS":
            continue
        kind, name = exchange.command.verb, exchange.command.argument
        question = f"{connection.client.label} asked {connection.server.label} for the {kind} record of {name}"
        if exchange.reply is None and exchange.unseen and connection.opening.handshake is not Handshake.UNREACHABLE:
            text = f"{question}: no answer in the capture"
            yield connection.finding("answer-not-captured", Severity.INFO, text, exchange.frames, "")
            continue
        if exchange.reply is None:
            text = f"{question}: no answer"
            code, severity = "name-server-silent", Severity.WARNING
        elif exchange.reply.code == "NXDOMAIN" and kind != "MX":
            continue  # often an ordinary answer; see mail_routes.py
        elif exchange.reply.code in _ANSWERS:
            code, severity, meaning = _ANSWERS[exchange.reply.code]
            text = f"{question}: {exchange.reply.code}, {meaning}{_reasons(exchange)}"
        else:
            continue
        yield connection.finding(code, severity, text, exchange.frames, "RFC 5321 §5.1")


def _reasons(exchange: Exchange) -> str:
    """Why it failed, as far as the answer says (RFC 8914)."""
    edns = exchange.result.edns if isinstance(exchange.result, Answer) else None
    return f" (it says: {', '.join(edns.errors)})" if edns is not None and edns.errors else ""


def odd_records(connection: Connection) -> Iterator[Finding]:
    """Answers that say no mail, name no host, or lead in a circle."""
    for exchange in connection.exchanges:
        answer = usable_answer(exchange)
        if exchange.command is None or answer is None:
            continue
        for code, severity, text, reference in _oddities(answer, exchange.command.verb, exchange.command.argument):
            yield connection.finding(code, severity, text, exchange.frames, reference)


def _oddities(answer: Answer, asked: str, name: str) -> Iterator[tuple[str, Severity, str, str]]:
    if answer.aliases_loop(name):
        text = f"the aliases of {name} form a loop (CNAME): the name cannot be resolved"
        yield "alias-loop", Severity.ERROR, text, "RFC 1034 §3.6.2"
    exchangers = list(answer.targets("MX")) if asked == "MX" else []
    if exchangers == [""]:
        yield "null-mx", Severity.ERROR, f"{name} declares that it accepts no mail (null MX)", "RFC 7505 §3"
    elif "" in exchangers:
        text = f"{name} has a null MX next to others: it is then meaningless, and not allowed"
        yield "null-mx-not-alone", Severity.WARNING, text, "RFC 7505 §3"
    for host in exchangers:
        if is_ip(host):
            text = f"an MX of {name} is the address {host}: an MX must be a host name, so this one cannot be used"
            yield "mx-is-address", Severity.WARNING, text, "RFC 5321 §5.1"
