"""What goes wrong in the SMTP dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.protocols.services import SMTP_SERVICES
from testbed.protocols.status import explain
from testbed.trace.model import Closure, Connection, Exchange, Finding, Handshake, Reply, Severity

# Enhanced status code: name of the finding and the section that defines the code.
_KNOWN = {
    "2.2": ("mailbox-full", "RFC 3463 X.2.2"),
    "1.1": ("user-unknown", "RFC 3463 X.1.1"),
    "1.2": ("domain-unknown", "RFC 3463 X.1.2"),
    "3.1": ("disk-full", "RFC 3463 X.3.1"),
    "3.4": ("message-too-big", "RFC 3463 X.3.4"),
    "5.3": ("too-many-recipients", "RFC 3463 X.5.3"),
    "7.1": ("not-authorised", "RFC 3463 X.7.1"),
    "7.8": ("wrong-credentials", "RFC 4954 §6"),
}


def refused_recipients(connection: Connection) -> Iterator[Finding]:
    """Recipients and messages a server would not take."""
    for transaction in connection.transactions:
        for recipient in transaction.recipients:
            if recipient.reply is not None and recipient.reply.code[:1] in ("4", "5"):
                yield _refusal(connection, recipient.reply, f"mail for {recipient.address}")
        message = transaction.message
        if message is not None and message.reply is not None and message.reply.code[:1] in ("4", "5"):
            whom = ", ".join(recipient.address for recipient in transaction.recipients[:5])
            yield _refusal(connection, message.reply, f"the message for {whom}, after its final dot")


def refused_sessions(connection: Connection) -> Iterator[Finding]:
    """Refusals of anything but a recipient or a message."""
    if connection.service not in SMTP_SERVICES:
        return
    said: dict[tuple[str, str], list[Reply]] = {}
    for exchange in connection.exchanges:
        verb = exchange.command.verb if exchange.command else ""
        reply = exchange.reply
        if reply is None or reply.code[:1] not in ("4", "5") or verb in ("RCPT", "message", "BDAT"):
            continue
        said.setdefault((verb, reply.status), []).append(reply)
    for (verb, _), replies in said.items():
        what = {"connect": "the connection", "": "to go on"}.get(verb, verb)
        yield _refusal(connection, replies[0], what, replies[1:])


def _refusal(connection: Connection, reply: Reply, what: str, again: Sequence[Reply] = ()) -> Finding:
    temporary = reply.code.startswith("4")
    name, reference = _KNOWN.get(reply.enhanced.partition(".")[2], ("", ""))
    if temporary and name == "not-authorised":
        name = "policy-refused-for-now"
    name = name or ("refused-for-now" if temporary else "refused-for-good")
    severity = Severity.WARNING if temporary else Severity.ERROR
    words = explain(reply.code, reply.enhanced)
    text = f"{connection.server.label} refused {what} from {connection.client.label} with {reply.status}: {words}"
    text += f", {1 + len(again)} times" if again else ""
    frames = tuple(frame for one in (reply, *again) for frame in one.frames)
    return Finding(name, severity, text, frames, reference or "RFC 5321 §4.2.1", (connection.number,))


def cut_dialogue(connection: Connection) -> Iterator[Finding]:
    """Commands that never got their reply."""
    if connection.service not in SMTP_SERVICES or connection.transport != "tcp":
        return
    if connection.tls is not None and any(alert.fatal for alert in connection.tls.alerts):
        return  # the alert tells why
    silent = [e for e in connection.exchanges if e.command is not None and e.reply is None]
    if not silent:
        if connection.exchanges or connection.handshake is not Handshake.COMPLETE or connection.gaps:
            return
        if connection.closed_by == "server":
            yield _hung_up(connection, "greeting", connection.closure_frames or (connection.last_frame,))
        elif connection.conn_state in ("S1", "S2", "S3", "SF"):
            yield _silence(connection, "accepting the connection", connection.start_ns, (connection.last_frame,))
        return
    first = silent[0]
    assert first.command is not None
    if connection.closure is Closure.OPEN:
        cut_off = first.command.verb == "message" and first.command.argument
        what = "in the middle of a message of" if cut_off else f"before the reply to {first.command.verb} of"
        text = f"the capture ends {what} {connection.client.label}"
        frames = first.command.frames[-1:]
        yield Finding("capture-ends", Severity.INFO, text, frames, "", (connection.number,))
    elif first.command.verb == "message" and not first.command.argument:
        text = (
            f"the connection ended after the final dot and before {connection.server.label}'s reply: "
            f"{connection.client.label} cannot know whether the message was taken, and will send it again"
        )
        yield _cut(connection, "reply-to-message-lost", text, _last(connection, first), "RFC 1047")
    elif first.command.verb == "message" and connection.gaps:
        text = f"the end of the message is not in the capture, nor is {connection.server.label}'s reply"
        frames = first.command.frames[-1:]
        yield Finding("message-not-captured", Severity.INFO, text, frames, "", (connection.number,))
    elif first.command.verb == "message":
        text = f"the connection ended in the middle of the message; {connection.server.label} must not deliver it"
        yield _cut(connection, "message-cut-off", text, _last(connection, first), "RFC 5321 §4.1.1.10")
    elif first.command.verb != "QUIT" and connection.closed_by == "server":
        yield _hung_up(connection, f"answering {first.command.verb}", _last(connection, first))
    elif first.command.verb != "QUIT":
        yield _silence(connection, first.command.verb, first.command.time_ns, _last(connection, first))


def _hung_up(connection: Connection, instead_of: str, frames: tuple[int, ...]) -> Finding:
    how = "reset" if connection.closure is Closure.RESET else "closed"
    text = f"{connection.server.label} {how} the connection instead of {instead_of}; this counts as a refusal for now"
    return _cut(connection, "server-hung-up", text, frames, "RFC 5321 §3.8")


def _silence(connection: Connection, after: str, since_ns: int, frames: tuple[int, ...]) -> Finding:
    code, reference = "no-reply", "RFC 5321 §4.5.3.2"
    if after == "accepting the connection":
        code, reference = "no-greeting", "RFC 5321 §4.5.3.2.1"
    waited = span(connection.end_ns - since_ns)
    text = f"{connection.server.label} said nothing after {after} for {waited}, until {connection.client.label} gave up"
    return _cut(connection, code, text, frames, reference)


def span(ns: int) -> str:
    """A span of time in words."""
    seconds = ns / 1e9
    return f"{seconds / 60:.0f} minutes" if seconds >= 100 else f"{seconds:.3g} s"


def _last(connection: Connection, exchange: Exchange) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*exchange.frames[-1:], *connection.closure_frames[:1])))


def _cut(connection: Connection, code: str, text: str, frames: tuple[int, ...], reference: str) -> Finding:
    return Finding(code, Severity.ERROR, text, frames, reference, (connection.number,))
