"""Where an SMTP dialogue does not keep to its protocol, or gives away what it should not, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.sentence import Sentence
from testbed.trace.services.behind_tls import went_on_in_clear
from testbed.trace.services.sentences import in_clear, injected, told_as

_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_SENTENCES = {
    "smtp-smuggling": Sentence(
        _ERROR,
        "SMTP smuggling attempt: a message from {client} holds {detail}; a server that takes this for the end of mail "
        "data reads a second message from within the first",
        "RFC 5321 §4.1.1.4",
    ),
    "false-end-of-data": Sentence(
        _WARNING,
        "a message from {client} holds {detail}: only CRLF.CRLF ends mail data, but a careless server may end it there",
        "RFC 5321 §4.1.1.4",
    ),
    "smuggled": Sentence(
        _ERROR, "smuggled: {server} ended the data of a message from {client} at {detail}", "RFC 5321 §4.1.1.4"
    ),
    "data-ended-early": Sentence(
        _WARNING,
        "{server} ended the data of a message from {client} at {detail}: only CRLF.CRLF does",
        "RFC 5321 §4.1.1.4",
    ),
    "bare-line-feed": Sentence(_WARNING, "{client} ended lines with LF alone ({detail})", "RFC 5321 §2.3.8"),
    "bare-carriage-return": Sentence(_WARNING, "{client} sent CR without LF ({detail})", "RFC 5321 §2.3.8"),
    "command-too-long": Sentence(
        _WARNING, "{client} sent a command line that is too long: {detail}", "RFC 5321 §4.5.3.1.4"
    ),
    "text-line-too-long": Sentence(
        _INFO, "a line of mail data from {client} is longer than 1000 octets: {detail}", "RFC 5321 §4.5.3.1.6"
    ),
    "pipelining-not-offered": Sentence(
        _WARNING, "{client} did not wait although {server} had not offered PIPELINING: {detail}", "RFC 2920 §3.1", True
    ),
    "command-before-greeting": Sentence(
        _WARNING, "{client} did not wait for {server}'s greeting before {detail}", "RFC 5321 §4.3.1", True
    ),
    "data-before-354": Sentence(
        _WARNING, "{client} sent mail data before {server} had answered DATA", "RFC 2920 §3.1", True
    ),
    "reply-out-of-sequence": Sentence(
        _WARNING, "{server} sent a reply that answers nothing the client had said: {detail}", "RFC 5321 §4.3.2", True
    ),
    "reply-not-smtp": Sentence(_WARNING, "{server} sent a line that is not an SMTP reply: {detail}", "RFC 5321 §4.2"),
    "reply-endless": Sentence(
        _ERROR, "{server} went on with one reply and never ended it: {detail}", "RFC 5321 §4.2.1"
    ),
    "reply-codes-differ": Sentence(
        _WARNING, "the lines of one reply from {server} have different codes: {detail}", "RFC 5321 §4.2.1"
    ),
    "status-class-differs": Sentence(
        _WARNING,
        "{server} gave a reply code and an enhanced code of different classes ({detail}): the reply code decides",
        "RFC 2034 §4",
    ),
    "eight-bit-command": Sentence(
        _WARNING, "{client} sent non-ASCII octets in {detail} without SMTPUTF8", "RFC 5321 §2.4"
    ),
    "nested-mail": Sentence(
        _WARNING,
        "{client} sent MAIL inside a transaction, which RSET or a message ends",
        "RFC 5321 §4.1.4",
        True,
    ),
    "dot-not-doubled": Sentence(
        _ERROR,
        "{client} did not double the dot of a line in mail data: {server} took it for the end of the message, and what "
        "followed for commands: {detail}",
        "RFC 5321 §4.5.2",
    ),
    "rcpt-before-mail": Sentence(_WARNING, "{client} sent RCPT without MAIL before it", "RFC 5321 §3.3", True),
    "chunk-obeyed": Sentence(
        _ERROR,
        "{server} refused a chunk from {client} and did not discard its octets: it took them for commands, and "
        "answered {detail}",
        "RFC 3030 §2",
        True,
    ),
    "data-without-rcpt": Sentence(
        _WARNING, "{server} answered DATA with 354 although no RCPT came before it", "RFC 5321 §3.3", True
    ),
    "client-garbage": Sentence(
        _WARNING, "{client} sent octets that are not an SMTP command: {detail}", "RFC 5321 §4.1"
    ),
}

_told = told_as(
    _SENTENCES
    | injected("STARTTLS", "RFC 3207 §4.2")
    | went_on_in_clear("STARTTLS", "RFC 3207 §4")
    | in_clear("RFC 4954 §4")
)


def smtp_remarks(connection: Connection) -> Iterator[Finding]:
    """What the dialogue remarks on.  Who did not wait for a greeting was not in haste if the server had left."""
    for finding in _told(connection):
        ending = connection.ending
        left = ending.by == "server" and bool(ending.frames) and finding.frames[:1] > ending.frames[:1]
        if finding.code != "command-before-greeting" or not left:
            yield finding
