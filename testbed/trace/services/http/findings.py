"""What goes wrong on the web: errors of HTTP servers, replies that never came, and messages with two ends."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.protocols.http import FramingFault, explain
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.sentence import Sentence
from testbed.trace.services.http.dialogue import IN_REPLY, NO_REPLY, NOT_FOLLOWED, REPLY_CUT, REQUEST_CUT
from testbed.trace.services.http.results import http_result
from testbed.trace.services.sentences import in_clear

_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_ENDS = "capture-ends"
_MOST_FRAMES = 20
# Replies in the 4xx class that are part of ordinary visits: a login that is asked for, an icon that is not there.
_ORDINARY = frozenset(("404", "407", "408", "410", "426"))

_FAULTS = {  # severity, what was sent, reference
    FramingFault.BOTH_LENGTHS: (_ERROR, "Content-Length and Transfer-Encoding together", "RFC 9112 §6.1"),
    FramingFault.DIFFERENT_LENGTHS: (_ERROR, "several Content-Lengths that differ", "RFC 9112 §6.3"),
    FramingFault.BAD_LENGTH: (_ERROR, "a Content-Length that is not a number", "RFC 9112 §6.3"),
    FramingFault.CHUNKED_NOT_LAST: (
        _ERROR,
        "a Transfer-Encoding that does not end with one 'chunked'",
        "RFC 9112 §6.1",
    ),
    FramingFault.ENCODING_IN_1_0: (_ERROR, "Transfer-Encoding in HTTP/1.0, which has none", "RFC 9112 §6.1"),
    FramingFault.BAD_CHUNK: (_ERROR, "a chunk that is malformed", "RFC 9112 §7.1"),
    FramingFault.SPACE_BEFORE_COLON: (_ERROR, "whitespace before the colon of a header field", "RFC 9112 §5.1"),
    FramingFault.FOLDED: (_WARNING, "a header line that begins with whitespace (folded)", "RFC 9112 §5.2"),
    FramingFault.NO_FIELD: (_WARNING, "a header line that is not a field", "RFC 9112 §5"),
    FramingFault.BARE_LF: (_WARNING, "lines ended with LF alone", "RFC 9112 §2.2"),
    FramingFault.BARE_CR: (_WARNING, "CR without LF in a line", "RFC 9112 §2.2"),
    FramingFault.SPACE_IN_TARGET: (_WARNING, "whitespace in the address of a request", "RFC 9112 §3.2"),
}
_AMBIGUOUS = "{sender} sent %s in {detail}: two readers may disagree on where the message ends, which is what {attack} "
_AMBIGUOUS += "is made of"
_SENTENCES = {
    str(fault): Sentence(severity, _AMBIGUOUS % what, f"{reference}, §11.2", code="http-ambiguous-framing")
    for fault, (severity, what, reference) in _FAULTS.items()
} | {
    **in_clear("RFC 9110 §17.16.1"),
    NOT_FOLLOWED: Sentence(
        _INFO, "the dialogue of {client} and {server} cannot be followed throughout: {detail}", "RFC 9112 §2.2"
    ),
    NO_REPLY: Sentence(_ERROR, "{server} did not answer {detail} from {client} {when}", "RFC 9112 §9.5", code=NO_REPLY),
    REPLY_CUT: Sentence(
        _ERROR, "the reply from {server} to {client} is incomplete: {detail} {when}", "RFC 9112 §8", code=NO_REPLY
    ),
    REQUEST_CUT: Sentence(
        _ERROR,
        "the request from {client} to {server} is incomplete: {detail} {when}",
        "RFC 9112 §8",
        code=NO_REPLY,
    ),
}
_WHERE_THE_CAPTURE_ENDS = {
    NO_REPLY: Sentence(
        _INFO, "the capture ends before the reply from {server} to {detail} from {client}", "", code=_ENDS
    ),
    REPLY_CUT: Sentence(_INFO, "the capture ends in the middle of the reply from {server}: {detail}", "", code=_ENDS),
    REQUEST_CUT: Sentence(
        _INFO, "the capture ends in the middle of the request from {client}: {detail}", "", code=_ENDS
    ),
}


def refused_requests(connection: Connection) -> Iterator[Finding]:
    """Replies of the classes 4xx and 5xx, one finding for each status code."""
    said: dict[tuple[str, bool], list[Exchange]] = {}
    for exchange in connection.exchanges:
        if exchange.reply is not None and exchange.reply.code[0] in "45":
            code = exchange.reply.code
            with_credentials = code == "401" and http_result(exchange).with_credentials
            said.setdefault((code, with_credentials), []).append(exchange)
    for (code, with_credentials), exchanges in said.items():
        first = exchanges[0]
        assert first.reply is not None
        what = f"{first.command.verb} {first.command.argument.partition(' ')[0]}" if first.command else "a request"
        reason = f"{code} {first.reply.lines[0]}".strip()
        meaning = explain(code, with_credentials=with_credentials)
        text = f"{connection.server.label} answered {what} from {connection.client.label} with {reason}: {meaning}"
        text += f" (and {len(exchanges) - 1:,} more like it)" if len(exchanges) > 1 else ""
        frames = tuple(dict.fromkeys(frame for one in exchanges[:_MOST_FRAMES] for frame in one.frames))[:_MOST_FRAMES]
        reference = f"RFC 9110 §15.{6 if code[0] == '5' else 5}"
        yield connection.finding("http-error", _severity(code, with_credentials), text, frames, reference)


def _severity(code: str, with_credentials: bool) -> Severity:
    if code.startswith("5"):
        return _ERROR
    return _INFO if code in _ORDINARY or (code == "401" and not with_credentials) else _WARNING


def web_remarks(connection: Connection) -> Iterator[Finding]:
    """Everything remarked on while an HTTP dialogue was read."""
    sentences = _SENTENCES
    if connection.ending.closure is Closure.OPEN:
        sentences = sentences | _WHERE_THE_CAPTURE_ENDS
    for remark in connection.remarks:
        by_server = remark.code.endswith(IN_REPLY)
        sentence = sentences[remark.code.removesuffix(IN_REPLY)]
        if connection.unheard is not None and sentence.code in (NO_REPLY, _ENDS):
            continue
        sender = (connection.server if by_server else connection.client).label
        attack = "response splitting" if by_server else "request smuggling"
        yield sentence.about(connection, remark, when="before the connection ended", sender=sender, attack=attack)
