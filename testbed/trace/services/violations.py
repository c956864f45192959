"""Where a mail dialogue does not keep to its protocol, or gives away what it should not: remarks made sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.remark import Remark


@dataclass(frozen=True, slots=True)
class _Sentence:
    """How a remark is told.  ``ordered`` tells that it is only worth something when the capture has the beginning."""

    severity: Severity
    text: str
    reference: str
    ordered: bool = False


_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_SENTENCES = {
    "smtp-smuggling": _Sentence(
        _ERROR,
        "SMTP smuggling attempt: a message from {client} holds {detail}; a server that takes this for the end of mail "
        "data reads a second message from within the first",
        "RFC 5321 §4.1.1.4",
    ),
    "false-end-of-data": _Sentence(
        _WARNING,
        "a message from {client} holds {detail}: only CRLF.CRLF ends mail data, but a careless server may end it there",
        "RFC 5321 §4.1.1.4",
    ),
    "bare-line-feed": _Sentence(_WARNING, "{client} ended lines with LF alone ({detail})", "RFC 5321 §2.3.8"),
    "bare-carriage-return": _Sentence(_WARNING, "{client} sent CR without LF ({detail})", "RFC 5321 §2.3.8"),
    "command-too-long": _Sentence(
        _WARNING, "{client} sent a command line that is too long: {detail}", "RFC 5321 §4.5.3.1.4"
    ),
    "text-line-too-long": _Sentence(
        _INFO, "a line of mail data from {client} is longer than 1000 octets: {detail}", "RFC 5321 §4.5.3.1.6"
    ),
    "pipelining-not-offered": _Sentence(
        _WARNING, "{client} did not wait although {server} had not offered PIPELINING: {detail}", "RFC 2920 §3.1", True
    ),
    "command-before-greeting": _Sentence(
        _WARNING, "{client} did not wait for {server}'s greeting before {detail}", "RFC 5321 §4.3.1", True
    ),
    "data-before-354": _Sentence(
        _WARNING, "{client} sent mail data before {server} had answered DATA", "RFC 2920 §3.1", True
    ),
    "commands-behind-starttls": _Sentence(
        _ERROR,
        "command injection: {client}'s side sent {detail} in clear behind {verb}; a server that keeps it obeys it as "
        "if it had come through TLS",
        "RFC 3207 §4.2",
    ),
    "reply-out-of-sequence": _Sentence(
        _WARNING, "{server} sent a reply that answers nothing the client had said: {detail}", "RFC 5321 §4.3.2", True
    ),
    "reply-not-smtp": _Sentence(_WARNING, "{server} sent a line that is no SMTP reply: {detail}", "RFC 5321 §4.2"),
    "reply-endless": _Sentence(
        _ERROR, "{server} went on with one reply and never ended it: {detail}", "RFC 5321 §4.2.1"
    ),
    "reply-codes-differ": _Sentence(
        _WARNING, "the lines of one reply from {server} have different codes: {detail}", "RFC 5321 §4.2.1"
    ),
    "eight-bit-command": _Sentence(
        _WARNING, "{client} sent octets beyond ASCII in {detail} without SMTPUTF8", "RFC 5321 §2.4"
    ),
    "rcpt-before-mail": _Sentence(_WARNING, "{client} sent RCPT without MAIL before it", "RFC 5321 §3.3", True),
    "data-without-rcpt": _Sentence(
        _WARNING, "{server} answered DATA with 354 although no RCPT came before it", "RFC 5321 §3.3", True
    ),
    "client-garbage": _Sentence(_WARNING, "{client} sent octets that are no SMTP command: {detail}", "RFC 5321 §4.1"),
    "credentials-in-clear": _Sentence(
        _INFO, "{client} sent credentials without TLS, for anybody on the way to read: {detail}", "RFC 8314 §4.1"
    ),
}
# References where the protocol is not SMTP.
_REFERENCES = {
    ("commands-behind-starttls", "pop3"): "RFC 2595 §4",
    ("commands-behind-starttls", "imap"): "RFC 3501 §6.2.1",
    ("credentials-in-clear", "smtp"): "RFC 4954 §4",
    ("credentials-in-clear", "submission"): "RFC 4954 §4",
}


def violations(connection: Connection) -> Iterator[Finding]:
    """Everything remarked on while the dialogue was read."""
    yield from told(connection, connection.remarks)


def told(connection: Connection, remarks: Sequence[Remark]) -> Iterator[Finding]:
    """Remarks about a connection as findings."""
    begun = connection.opening.handshake is Handshake.COMPLETE
    for remark in remarks:
        sentence = _SENTENCES[remark.code]
        if sentence.ordered and not begun:
            continue
        text = sentence.text.format(
            client=connection.client.label,
            server=connection.server.label,
            detail=remark.detail,
            verb="STLS" if connection.service == "pop3" else "STARTTLS",
        )
        text += f" ({remark.times:,} times)" if remark.times > 1 else ""
        reference = _REFERENCES.get((remark.code, connection.service), sentence.reference)
        yield Finding(remark.code, sentence.severity, text, remark.frames, reference, (connection.number,))
