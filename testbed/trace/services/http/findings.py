"""What goes wrong on the web: errors of HTTP servers, replies that never came, and messages with two ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.protocols.http import NOT_ACCEPTED, Fault, explain
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.remark import Remark
from testbed.trace.services.credentials import IN_CLEAR
from testbed.trace.services.http.dialogue import IN_REPLY, NO_REPLY, NOT_FOLLOWED, REPLY_CUT, REQUEST_CUT

_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_MOST_FRAMES = 20
# Replies in the 4xx class that are part of ordinary visits: a login that is asked for, an icon that is not there.
_ORDINARY = frozenset(("404", "407", "408", "410", "426"))


@dataclass(frozen=True, slots=True)
class _Sentence:
    """How a fault of a message is told."""

    severity: Severity
    text: str
    reference: str


_FAULTS = {
    Fault.BOTH_LENGTHS: _Sentence(_ERROR, "Content-Length and Transfer-Encoding together", "RFC 9112 §6.1"),
    Fault.DIFFERENT_LENGTHS: _Sentence(_ERROR, "several Content-Lengths that differ", "RFC 9112 §6.3"),
    Fault.BAD_LENGTH: _Sentence(_ERROR, "a Content-Length that is no number", "RFC 9112 §6.3"),
    Fault.CHUNKED_NOT_LAST: _Sentence(
        _ERROR, "a Transfer-Encoding that does not end with one chunked", "RFC 9112 §6.1"
    ),
    Fault.ENCODING_IN_1_0: _Sentence(_ERROR, "Transfer-Encoding in HTTP/1.0, which has none", "RFC 9112 §6.1"),
    Fault.BAD_CHUNK: _Sentence(_ERROR, "a chunk that is malformed", "RFC 9112 §7.1"),
    Fault.SPACE_BEFORE_COLON: _Sentence(_ERROR, "whitespace before the colon of a header field", "RFC 9112 §5.1"),
    Fault.FOLDED: _Sentence(_WARNING, "a header line that begins with whitespace (folded)", "RFC 9112 §5.2"),
    Fault.NO_FIELD: _Sentence(_WARNING, "a header line that is no field", "RFC 9112 §5"),
    Fault.BARE_LF: _Sentence(_WARNING, "lines ended with LF alone", "RFC 9112 §2.2"),
    Fault.BARE_CR: _Sentence(_WARNING, "CR without LF in a line", "RFC 9112 §2.2"),
    Fault.SPACE_IN_TARGET: _Sentence(_WARNING, "whitespace in the address of a request", "RFC 9112 §3.2"),
}


def refused_requests(connection: Connection) -> Iterator[Finding]:
    """Replies of the classes 4xx and 5xx, one finding for each status code."""
    said: dict[tuple[str, bool], list[Exchange]] = {}
    for exchange in connection.exchanges:
        if exchange.reply is not None and exchange.reply.code[0] in "45":
            said.setdefault((exchange.reply.code, exchange.note == NOT_ACCEPTED), []).append(exchange)
    for (code, with_credentials), exchanges in said.items():
        first = exchanges[0]
        assert first.reply is not None
        what = f"{first.command.verb} {first.command.argument.partition(' ')[0]}" if first.command else "a request"
        reason = f"{code} {first.reply.lines[0]}".strip()
        meaning = explain(code, with_credentials=with_credentials)
        text = f"{connection.server.label} answered {what} of {connection.client.label} with {reason}: {meaning}"
        text += f" (and {len(exchanges) - 1:,} more like it)" if len(exchanges) > 1 else ""
        frames = tuple(dict.fromkeys(frame for one in exchanges[:_MOST_FRAMES] for frame in one.frames))[:_MOST_FRAMES]
        reference = f"RFC 9110 §15.{6 if code[0] == '5' else 5}"
        yield Finding("http-error", _severity(code, with_credentials), text, frames, reference, (connection.number,))


def _severity(code: str, with_credentials: bool) -> Severity:
    if code.startswith("5"):
        return _ERROR
    return _INFO if code in _ORDINARY or (code == "401" and not with_credentials) else _WARNING


def web_remarks(connection: Connection) -> Iterator[Finding]:
    """Everything remarked on while an HTTP dialogue was read."""
    for remark in connection.remarks:
        yield _of_remark(connection, remark)


def _of_remark(connection: Connection, remark: Remark) -> Finding:
    client, server, detail = connection.client.label, connection.server.label, remark.detail
    times = f" ({remark.times:,} times)" if remark.times > 1 else ""
    open_end = connection.ending.closure is Closure.OPEN
    match remark.code:
        case code if code == IN_CLEAR:
            text = f"{client} sent credentials without TLS, for anybody on the way to read: {detail}"
            return _finding(connection, remark, IN_CLEAR, _INFO, text + times, "RFC 9110 §17.16.1")
        case code if code == NOT_FOLLOWED:
            text = f"the dialogue of {client} and {server} cannot be followed throughout: {detail}"
            return _finding(connection, remark, NOT_FOLLOWED, _INFO, text + times, "RFC 9112 §2.2")
        case code if code in (NO_REPLY, REPLY_CUT, REQUEST_CUT):
            words = {
                NO_REPLY: f"{server} did not answer {detail} of {client}",
                REPLY_CUT: f"the reply of {server} did not arrive whole at {client}: {detail}",
                REQUEST_CUT: f"the request of {client} did not arrive whole at {server}: {detail}",
            }
            text = words[code] + (" before the capture ends" if open_end else " before the connection ended")
            reference = "RFC 9112 §9.5" if code == NO_REPLY else "RFC 9112 §8"
            return _finding(connection, remark, NO_REPLY, _INFO if open_end else _ERROR, text + times, reference)
    fault = Fault(remark.code.removesuffix(IN_REPLY))
    sentence = _FAULTS[fault]
    sender = server if remark.code.endswith(IN_REPLY) else client
    text = f"{sender} sent {sentence.text} in {detail}: two readers may disagree on where the message ends, which is "
    text += "what response splitting is made of" if sender is server else "what request smuggling is made of"
    return _finding(
        connection, remark, "http-ambiguous-framing", sentence.severity, text + times, f"{sentence.reference}, §11.2"
    )


def _finding(
    connection: Connection, remark: Remark, code: str, severity: Severity, text: str, reference: str
) -> Finding:
    return Finding(code, severity, text, remark.frames, reference, (connection.number,))
