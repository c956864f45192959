"""What comes behind the reply that agrees to TLS: TLS, a dialogue in clear all the same, or nothing.

It goes on in clear where something on the way takes TLS off, or where a capture was decrypted in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from testbed.durations import rough
from testbed.trace.flows import CLIENT
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange, ServiceResult
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.remark import Remarks
from testbed.trace.model.sentence import Sentence
from testbed.trace.tcp.reassembly import Chunk, Gap

BEGINS_TLS = frozenset(("STARTTLS", "X-ANONYMOUSTLS", "STLS"))
_NEVER_BEGAN, _IN_CLEAR, _CAPTURE_ENDS = NO_TLS = (
    "TLS was agreed on, and never began",
    "in clear after TLS was agreed on",
    "TLS was agreed on, and the capture ends there",
)
_AGREES = frozenset(("220", "OK", "+OK"))
_CLEAR = "clear-behind-starttls"
# How no record of TLS begins: a line of text, or a piece of one.
_TEXT = re.compile(rb"[\x21-\x7e][\x20-\x7e]*(?:\r?\n|\r?\Z)")
_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")  # how one begins (RFC 8446 §5.1)


def is_record(chunk: Chunk) -> bool:
    """Whether octets begin as a record of TLS that no keys opened, as no line of text does."""
    return not chunk.decrypted and _RECORD.match(chunk.octets) is not None


class TlsNeverBegan(Struct, ServiceResult, frozen=True):
    """Of the command that begins TLS: the server agreed, and nothing came behind its reply."""


class StayedInClear(Struct, ServiceResult, frozen=True):
    """Of the command that begins TLS: the server agreed, and both went on in clear."""


def tls_never_began(exchange: Exchange) -> bool:
    """Whether the server agreed to TLS, and nothing came behind its reply."""
    return isinstance(exchange.result, TlsNeverBegan)


def stayed_in_clear(exchange: Exchange) -> bool:
    """Whether the server agreed to TLS, and both went on in clear."""
    return isinstance(exchange.result, StayedInClear)


def in_words(exchange: Exchange, *, is_open: bool) -> str:
    """What came of it, where it did not begin TLS; ``""`` where it did, as far as is known.

    ``is_open`` tells that the capture ends before the connection does.
    """
    if tls_never_began(exchange):
        return _CAPTURE_ENDS if is_open else _NEVER_BEGAN
    return _IN_CLEAR if stayed_in_clear(exchange) else ""


def with_tls(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The exchanges of a connection on which TLS did begin, where the dialogue was given none of it."""
    return tuple(replace(e, result=None) if tls_never_began(e) else e for e in exchanges)


class BehindTls:
    """Looks at the first octets behind the reply.  With ``server_too`` the server may be the first to speak."""

    def __init__(self, remarks: Remarks, *, server_too: bool = False) -> None:
        self._remarks = remarks
        self._server_too = server_too
        self._expected = False
        self._clear = False

    def expect(self) -> None:
        """The server has agreed to TLS."""
        self._expected = True

    def is_clear(self, item: Chunk | Gap) -> bool:
        """Whether these octets, where they are the first, are text in clear."""
        expected, self._expected = self._expected, False
        if not expected or isinstance(item, Gap) or item.decrypted:
            return False
        if not (item.side == CLIENT or self._server_too) or _TEXT.match(item.octets) is None:
            return False
        self._remarks.note(_CLEAR, (item.frame,))
        self._clear = True
        return True

    def settle(self, exchanges: list[Exchange]) -> None:
        """Nothing more comes: mark the last command that was to begin TLS where it did not."""
        if not (self._expected or self._clear):
            return
        for at in reversed(range(len(exchanges))):
            command, reply = exchanges[at].command, exchanges[at].reply
            if command is not None and command.verb in BEGINS_TLS and reply is not None and reply.code in _AGREES:
                exchanges[at] = replace(exchanges[at], result=TlsNeverBegan() if self._expected else StayedInClear())
                return


def went_on_in_clear(verb: str, reference: str) -> dict[str, Sentence]:
    """The sentence about a dialogue that goes on in clear behind the command that begins TLS."""
    text = f"plain text after {verb}: {{server}} agreed to TLS, and both went on in clear; something on the way "
    text += "strips TLS, or the capture was decrypted in place"
    return {_CLEAR: Sentence(Severity.WARNING, text, reference)}


def unfinished_handshake(connection: Connection, *, reference: str) -> Iterator[Finding]:
    """The server said it is ready for TLS, and then nothing any more."""
    last = connection.exchanges[-1] if connection.exchanges else None
    if last is None or last.reply is None or connection.tls is not None or connection.transport.gaps:
        return
    if last.command is None or last.command.verb not in BEGINS_TLS or last.reply.code not in _AGREES:
        return
    client, server = connection.client.label, connection.server.label
    if connection.ending.closure is Closure.OPEN:
        if tls_never_began(last):
            text = f"{server} agreed to TLS with {client}; the capture ends before it began"
            yield connection.finding("capture-ends", Severity.INFO, text, last.reply.frames, "")
        return
    waited, severity = rough(connection.end_ns - last.reply.time_ns), Severity.ERROR
    if connection.ending.by == "client" and tls_never_began(last):  # the client is the first to speak there
        code, text = "tls-not-begun", f"{server} agreed to TLS, and {client} never began it: it left {waited} later"
        severity = Severity.WARNING
    elif connection.ending.by == "client":
        code, text = "tls-stalled", f"{server} said nothing in the TLS handshake for {waited}, until {client} gave up"
    else:
        code, text = "tls-cut-off", f"{server} ended the connection instead of the TLS handshake"
    frames = (*last.reply.frames, *connection.ending.frames[:1])
    yield connection.finding(code, severity, text, frames, reference)
