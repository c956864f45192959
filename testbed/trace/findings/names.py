"""What goes wrong with DNS."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model import Connection, Finding, Severity

# Answer: name of the finding, severity, what it means for mail, reference.
_ANSWERS = {
    "NXDOMAIN": ("domain-unknown", Severity.ERROR, "the name does not exist; mail for it fails at once"),
    "SERVFAIL": ("name-server-failure", Severity.WARNING, "the name server failed; mail waits and is tried again"),
    "REFUSED": ("name-server-refuses", Severity.WARNING, "the name server refuses to answer; mail waits"),
}


def failed_lookups(connection: Connection) -> Iterator[Finding]:
    """Questions without a useful answer."""
    if connection.service != "dns":
        return
    for exchange in connection.exchanges:
        if exchange.command is None or exchange.command.verb == "DNS":
            continue
        question = f"{connection.client.label} asked {connection.server.label} for {exchange.command.verb} of "
        question += exchange.command.argument
        if exchange.reply is None:
            text = f"{question}: no answer"
            code, severity = "name-server-silent", Severity.WARNING
        elif exchange.reply.code in _ANSWERS:
            code, severity, meaning = _ANSWERS[exchange.reply.code]
            text = f"{question}: {exchange.reply.code}, {meaning}"
        else:
            continue
        yield Finding(code, severity, text, exchange.frames, "RFC 5321 §5.1", (connection.number,))
