"""What goes wrong in the SMTP dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from testbed.protocols.refusals import cause_of, causes
from testbed.protocols.smtp import COMMANDS
from testbed.protocols.status import explain
from testbed.protocols.text import shortened
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Command, Exchange, Reply
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.smtp.broken import ends_idleness, speaks_past_it
from testbed.trace.services.smtp.extensions import is_lone_dot
from testbed.trace.services.smtp.offers import mistake

# Causes whose findings are called as they are; any other is of refusals for now or for good, or of authorisation.
_NAMED = frozenset(
    (
        causes.USER_UNKNOWN,
        causes.DOMAIN_UNKNOWN,
        causes.MAILBOX_FULL,
        causes.DISK_FULL,
        causes.TOO_BIG,
        causes.TOO_MANY_RECIPIENTS,
        causes.MAIL_LOOP,
        causes.NOT_AUTHORISED,
        causes.WRONG_CREDENTIALS,
    )
)
_NOT_AUTHORISED = ("4.7.1", "5.7.1")
_MOST_QUOTED = 160
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
        in_vain = bool(transaction.recipients) and all(recipient.refused for recipient in transaction.recipients)
        if in_vain and message is not None and message.command is not None and message.command.verb == "BDAT":
            continue  # as DATA, a client that pipelines says it all the same
        for reply in message.replies if message is not None else ():
            if reply.code[:1] in ("4", "5"):
                own = [to.address for to in transaction.recipients if to.final is reply]
                whom = ", ".join((own or [to.address for to in transaction.recipients])[:5])
                when = _when(message.command, reply) if message is not None and message.command is not None else ""
                yield _refusal(connection, reply, f"the message for {whom}", when=when)


def _when(message: Command, reply: Reply) -> str:
    """When a message was refused, where that matters: chunks have no final dot (RFC 3030 §2)."""
    if message.verb != "message":
        return ""
    early = not message.whole or reply.frames[:1] < message.frames[-1:]
    return " before its end" if early else " after its final dot"


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
    said: dict[tuple[str, str], list[Exchange]] = {}
    obeyed = any(remark.code == "chunk-obeyed" for remark in connection.remarks)
    undoubled = any(remark.code == "dot-not-doubled" for remark in connection.remarks)
    in_vain = set(map(id, _in_vain(connection)))
    for exchange in connection.exchanges:
        verb = exchange.command.verb if exchange.command else ""
        reply = exchange.reply
        if reply is None or reply.code[:1] not in ("4", "5") or verb in ("RCPT", "message", "BDAT"):
            continue
        if (
            (obeyed and not verb)
            or ends_idleness(connection, exchange)
            or speaks_past_it(connection, exchange)
            or id(exchange) in in_vain
        ):
            continue
        if not (undoubled and verb not in COMMANDS and verb != "connect"):
            said.setdefault((verb, reply.status), []).append(exchange)
    for (verb, _), exchanges in said.items():
        replies = [exchange.reply for exchange in exchanges if exchange.reply is not None]
        cut = verb == "" and _ends_in_message(connection)
        what = {"connect": "the connection", "": "the message" if cut else "to go on"}.get(verb, verb)
        when = " before its end" if cut else ""
        because = mistake(connection, exchanges[0])
        found = _refusal(connection, replies[0], what, replies[1:], when=when, because=because)
        yield replace(found, severity=Severity.INFO) if connection.all_taken and verb not in _OF_MAIL else found


def _ends_in_message(connection: Connection) -> bool:
    commands = [exchange.command for exchange in connection.exchanges if exchange.command is not None]
    return any(command.verb == "message" and not command.whole for command in commands)


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


def _refusal(
    connection: Connection, reply: Reply, what: str, again: Sequence[Reply] = (), *, when: str = "", because: str = ""
) -> Finding:
    temporary = reply.code.startswith("4")
    cause = cause_of(reply.code, reply.enhanced, reply.text)
    name = "refused-for-now" if temporary else "refused-for-good"
    if cause in _NAMED:
        name = cause.name
    elif reply.enhanced in _NOT_AUTHORISED:
        name = causes.NOT_AUTHORISED.name
    if temporary and name == causes.NOT_AUTHORISED.name:
        name = "policy-refused-for-now"
    severity = Severity.WARNING if temporary else Severity.ERROR
    words = explain(reply.code, reply.enhanced, reply.text)
    whose = f"{'with' if what == 'to go on' else 'from'} {connection.client.label}{when}"
    text = f"{connection.server.label} refused {what} {whose} with {reply.status}: {words}"
    text += f"; {because}" if because else ""
    text += f", {1 + len(again)} times" if again else ""
    text += f'; it said "{shortened(reply.text, _MOST_QUOTED)}"' if reply.text.strip() else ""
    frames = tuple(frame for one in (reply, *again) for frame in one.frames)
    found = connection.finding(name, severity, text, frames, cause.reference if cause else "RFC 5321 §4.2.1")
    return replace(found, cause=cause.name if cause else "", times=1 + len(again))
