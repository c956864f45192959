"""What goes wrong in the SMTP dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from testbed.protocols.status import explain
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.smtp.broken import ends_idleness, speaks_past_it
from testbed.trace.services.smtp.extensions import is_lone_dot

# Enhanced status code: name of the finding and the section that defines the code.
_KNOWN = {
    "2.2": ("mailbox-full", "RFC 3463 X.2.2"),
    "1.1": ("user-unknown", "RFC 3463 X.1.1"),
    "1.2": ("domain-unknown", "RFC 3463 X.1.2"),
    "4.6": ("mail-loop", "RFC 3463 X.4.6"),
    "3.1": ("disk-full", "RFC 3463 X.3.1"),
    "3.4": ("message-too-big", "RFC 3463 X.3.4"),
    "5.3": ("too-many-recipients", "RFC 3463 X.5.3"),
    "7.1": ("not-authorised", "RFC 3463 X.7.1"),
    "7.8": ("wrong-credentials", "RFC 4954 §6"),
}
_OF_MAIL = frozenset(("MAIL", "DATA"))


def refused_recipients(connection: Connection) -> Iterator[Finding]:
    """Recipients and messages a server would not take."""
    mails = [exchange for exchange in connection.exchanges if exchange.command and exchange.command.verb == "MAIL"]
    told = {id(exchange.reply) for exchange in mails}
    for transaction in connection.transactions:
        some = False  # a recipient has been accepted
        for recipient in transaction.recipients:
            reply = recipient.reply
            if id(reply) in told:
                continue  # as a refusal of MAIL
            if reply is not None and _is_old_too_many(reply, some=some):
                yield _too_many(connection, reply, recipient.address)
            elif reply is not None and reply.code[:1] in ("4", "5"):
                yield _refusal(connection, reply, f"mail for {recipient.address}")
            some = some or (reply is not None and reply.code.startswith("2"))
        message = transaction.message
        if is_lone_dot(transaction):
            continue  # nothing was sent, so nothing was refused
        for reply in message.replies if message is not None else ():
            if reply.code[:1] in ("4", "5"):
                own = [to.address for to in transaction.recipients if to.final is reply]
                whom = ", ".join((own or [to.address for to in transaction.recipients])[:5])
                dot = (
                    ", after its final dot" if message and message.command and message.command.verb == "message" else ""
                )
                yield _refusal(connection, reply, f"the message for {whom}{dot}")


def _is_old_too_many(reply: Reply, *, some: bool) -> bool:
    """Whether a 552 to RCPT means the number of recipients (RFC 5321 §4.5.3.1.10)."""
    return reply.code == "552" and (reply.enhanced.endswith(".5.3") or (some and not reply.enhanced))


def _too_many(connection: Connection, reply: Reply, address: str) -> Finding:
    text = (
        f"{connection.server.label} refused mail for {address} from {connection.client.label} with {reply.status}: "
        "too many recipients, as servers said before RFC 2821; this counts as temporary"
    )
    reference = "RFC 5321 §4.5.3.1.10"
    return connection.finding("too-many-recipients", Severity.WARNING, text, reply.frames, reference)


def refused_sessions(connection: Connection) -> Iterator[Finding]:
    """Refusals of anything but a recipient or a message."""
    said: dict[tuple[str, str], list[Reply]] = {}
    in_vain = set(map(id, _in_vain(connection)))
    for exchange in connection.exchanges:
        verb = exchange.command.verb if exchange.command else ""
        reply = exchange.reply
        if reply is None or reply.code[:1] not in ("4", "5") or verb in ("RCPT", "message", "BDAT"):
            continue
        if ends_idleness(connection, exchange) or speaks_past_it(connection, exchange) or id(exchange) in in_vain:
            continue
        said.setdefault((verb, reply.status), []).append(reply)
    for (verb, _), replies in said.items():
        what = {"connect": "the connection", "": "to go on"}.get(verb, verb)
        found = _refusal(connection, replies[0], what, replies[1:])
        yield replace(found, severity=Severity.INFO) if connection.all_taken and verb not in _OF_MAIL else found


def _in_vain(connection: Connection) -> Iterator[Exchange]:
    """DATA behind recipients of whom none was taken: a client that pipelines says it all the same (RFC 2920 §3.1)."""
    recipients = set[str]()
    for exchange in connection.exchanges:
        verb, code = exchange.command.verb if exchange.command else "", exchange.reply.code if exchange.reply else ""
        if verb == "MAIL":
            recipients = set()
        elif verb == "RCPT":
            recipients.add(code[:1])
        elif verb == "DATA" and recipients and not recipients & {"", "2"}:
            yield exchange


def _refusal(connection: Connection, reply: Reply, what: str, again: Sequence[Reply] = ()) -> Finding:
    temporary = reply.code.startswith("4")
    refuses = reply.enhanced[:1] != "2"  # an enhanced code of success tells nothing of a refusal
    name, reference = _KNOWN.get(reply.enhanced.partition(".")[2] if refuses else "", ("", ""))
    if temporary and name == "not-authorised":
        name = "policy-refused-for-now"
    name = name or ("refused-for-now" if temporary else "refused-for-good")
    severity = Severity.WARNING if temporary else Severity.ERROR
    words = explain(reply.code, reply.enhanced)
    text = f"{connection.server.label} refused {what} from {connection.client.label} with {reply.status}: {words}"
    text += f", {1 + len(again)} times" if again else ""
    frames = tuple(frame for one in (reply, *again) for frame in one.frames)
    return connection.finding(name, severity, text, frames, reference or "RFC 5321 §4.2.1")
