"""The HTTP/1.1 dialogue as pairs of request and reply, as far as webmail needs it (RFC 9110, RFC 9112).

Replies answer requests in order (RFC 9112 §9.3.2).  Where octets are missing and nobody can tell which reply answers
which request, they are told apart from each other.  What another protocol says behind 101 or a CONNECT is left alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from testbed.protocols.http import (
    Framing,
    RequestLine,
    StatusLine,
    explain,
    request_framing,
    response_framing,
)
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.exchange import Command, Exchange, Reply, Transaction
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.credentials import IN_CLEAR
from testbed.trace.services.http.kept import asks_for_policy, host_of, is_report, is_text, with_report
from testbed.trace.services.http.messages import Message
from testbed.trace.services.http.reader import MessageReader
from testbed.trace.services.http.results import HttpResult
from testbed.trace.services.http.words import named, reply_lines, request_argument
from testbed.trace.tcp.reassembly import Chunk, Gap

NOT_FOLLOWED = "http-not-followed"
NO_REPLY = "http-no-reply"
REPLY_CUT = "http-reply-cut-off"
REQUEST_CUT = "http-request-cut-off"
IN_REPLY = "-in-reply"
"""Ends the code of a remark on a fault when it is in a reply."""

_REQUEST_UNKNOWN = "its request is not in the capture, or nobody can tell which it is"
_MAX_EXCHANGES = 1_000_000


class _Why(StrEnum):
    """Why a request is told without a reply."""

    NO_REPLY = "no reply"
    NO_HTTP = "what the server sent is not HTTP"
    REPLY_LOST = "its reply is not in the capture"
    UNCERTAIN = "octets are missing from the capture: nobody can tell which reply is its own"


@dataclass(slots=True)
class _Ask:
    """A request that waits for its reply.  ``sent_ns`` is when its last octet before the reply came."""

    message: Message
    method: str
    sent_ns: int = 0
    answered: bool = False  # by a final reply
    switched: bool = False


class HttpDialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges.

    ``show_credentials`` shows passwords, which are otherwise masked.
    """

    def __init__(self, *, show_credentials: bool = False) -> None:
        self._show = show_credentials
        self._readers = (MessageReader(CLIENT, self), MessageReader(SERVER, self))
        self._waiting: deque[_Ask | None] = deque()  # None: requests that the capture does not hold may stand here
        self._current: _Ask | None = None  # of the reply on its way
        self._last: _Ask | None = None  # the request begun last
        self._doubtful = False  # replies to those that wait may be missing
        self._holes: set[int] = set()  # sides that are not all in the capture
        self._missing = 0  # octets in the last hole, 0 where nobody knows how many
        self._in_a_row = False  # the server has said nothing since the client's last hole
        self._exchanges: list[Exchange] = []
        self._encrypted = False
        self._remarks = Remarks()

    @property
    def service(self) -> str:
        """``http``, ``http2`` where the client began with its preface, ``""`` where nothing was HTTP."""
        if any(reader.recognised for reader in self._readers):
            return "http"
        return "http2" if self._readers[CLIENT].preface else ""

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        if isinstance(item, Gap):
            self._holes.add(item.side)
            self._missing = item.octets
            self._readers[item.side].gap(None if self._encrypted else item.octets)
            return
        if item.decrypted and not self._encrypted:
            self._encrypted = True
            self._readers = (MessageReader(CLIENT, self), MessageReader(SERVER, self))
        if item.decrypted or not self._encrypted:
            self._readers[item.side].feed(item)

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; HTTP has no transactions of mail."""
        server = self._readers[SERVER]
        why = _Why.REPLY_LOST if self._doubtful or server.lost else _Why.NO_REPLY
        why = _Why.NO_HTTP if server.lost and not server.recognised and SERVER not in self._holes else why
        for side in (SERVER, CLIENT):
            self._readers[side].finish()
        self._set_apart(why)
        return tuple(self._exchanges), ()

    # What the readers tell.

    def started(self, side: int, message: Message) -> None:
        """A start line was read."""
        if isinstance(message.start, StatusLine):
            self._in_a_row = False
            if message.start.code[0] != "1" or message.start.code == "101":
                self._current = self._answered()
            else:
                self._current = self._waiting[0] if self._waiting else None
            return
        if self._waiting and self._waiting[0] is None and not self._in_a_row:
            self._waiting.popleft()  # every request before has its reply, so this one is on its own
        if self._doubtful:
            self._set_apart(_Why.REPLY_LOST)
        self._last = _Ask(message, message.start.method)
        if len(self._waiting) < _MAX_EXCHANGES:
            self._waiting.append(self._last)

    def headed(self, side: int, message: Message) -> Framing:
        """The header is complete: where does the body end?"""
        if isinstance(message.start, RequestLine):
            if is_report(message):
                message.report = bytearray()
            return request_framing(message.start, message.head)
        message.of_unknown = self._current is None and bool(self._holes)
        asked = self._current is not None and asks_for_policy(self._current.message)
        if asked and message.start.code == "200" and is_text(message):
            message.policy = bytearray()
        return response_framing(message.start, message.head, self._current.method if self._current else "")

    def ended(self, side: int, message: Message) -> None:
        """The message is over, whole or not."""
        self._note_faults(side, message)
        if side == SERVER:
            self._reply(message)
            return
        ask = self._last
        if ask is None or ask.message is not message:
            return
        if ask.switched:
            self._readers[CLIENT].release(opaque=True)
        elif not ask.answered and _may_switch(message):
            self._readers[CLIENT].hold()

    def stuck(self, side: int, frames: tuple[int, ...], words: str) -> None:
        """The octets that come cannot be followed."""
        if not any(reader.recognised for reader in self._readers):
            return
        self._remarks.note(NOT_FOLLOWED, frames, f"{('the client', 'the server')[side]} sent {words}")

    def hole(self, side: int) -> None:
        """Octets are missing, perhaps whole messages."""
        self._in_a_row = side == CLIENT
        if side == SERVER:
            self._doubtful = bool(self._waiting)
        elif self._waiting[-1] is not None if self._waiting else self._missing:
            self._waiting.append(None)

    # Pairs.

    def _answered(self) -> _Ask | None:
        """The request that a final reply answers, None where nobody can tell."""
        waiting = self._waiting
        if (self._doubtful and len(waiting) > 1) or (waiting and waiting[0] is None):
            self._set_apart(_Why.UNCERTAIN)
        self._doubtful = False
        ask = waiting.popleft() if waiting else None
        if ask is not None:
            ask.answered, ask.sent_ns = True, ask.message.time_ns
        return ask

    def _set_apart(self, why: _Why) -> None:
        """The requests that wait are told without a reply."""
        self._doubtful = False
        while self._waiting:
            ask = self._waiting.popleft()
            if ask is not None:
                self._unanswered(ask, why)

    def _unanswered(self, ask: _Ask, why: _Why) -> None:
        message = ask.message
        faulty = bool(message.trouble) and not message.missing
        if why is _Why.NO_REPLY and not faulty:
            self._remarks.note(NO_REPLY, message.told_frames(), named(message))
        elif message.cut_off:
            self._remarks.note(REQUEST_CUT, message.told_frames(), f"{named(message)} is {message.trouble}")
        note = (f"the request is {message.trouble}" if message.cut_off else message.trouble) if faulty else str(why)
        unseen = why in (_Why.REPLY_LOST, _Why.UNCERTAIN)
        self._add(Exchange(Phase.TRANSFER, self._command(ask), None, note, unseen=unseen))

    def _reply(self, message: Message) -> None:
        assert isinstance(message.start, StatusLine)
        ask, code = self._current, message.start.code
        self._current = None
        interim = code[0] == "1" and code != "101"
        switched = code == "101" or (ask is not None and ask.method == "CONNECT" and code[0] == "2")
        lines = reply_lines(message, switched=switched, show=self._show)
        frames = message.told_frames()
        reply = Reply(code, "", lines, frames, message.begun_ns, message.time_ns, message.octets)
        note = f"the reply is {message.trouble}" if message.cut_off else message.trouble
        if message.cut_off:
            to = f" to {named(ask.message)}" if ask is not None else ""
            self._remarks.note(REPLY_CUT, reply.frames, f"{code}{to} is {message.trouble}")
        credentials = ask is not None and bool(ask.message.head.values("authorization"))
        whole = message.policy is not None and not (message.cut_off or message.missing or message.trouble)
        result = HttpResult(
            cut_off=message.cut_off,
            with_credentials=credentials,
            policy=bytes(message.policy) if whole and message.policy is not None else None,
            policy_host=host_of(ask.message) if whole and ask is not None else "",
        )
        result = with_report(result, ask.message, code) if ask is not None else result
        unseen = ask is None and bool(self._holes)
        if interim:
            self._add(Exchange(Phase.TRANSFER, None, reply, note, result, unseen=unseen))
            return
        if not note and code[0] in "45":
            note = explain(code, with_credentials=credentials)
        if ask is None:
            note = note or (_REQUEST_UNKNOWN if unseen else "it answers no request")
        elif not ask.message.ended and not note:
            note = "the reply came before the request had ended"
        command = self._command(ask) if ask is not None else None
        self._add(Exchange(Phase.TRANSFER, command, reply, note, result, unseen=unseen))
        self._decide(ask, switched)

    def _decide(self, ask: _Ask | None, switched: bool) -> None:
        """What the octets behind a final reply are."""
        if switched:
            for reader in self._readers:
                reader.release(opaque=True)
        elif ask is None or ask is self._last:
            self._readers[CLIENT].release(opaque=False)
        if ask is not None:
            ask.switched = switched

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)
        else:
            self._remarks.note(NOT_FOLLOWED, exchange.frames, f"there are more than {_MAX_EXCHANGES:,} exchanges")

    def _command(self, ask: _Ask) -> Command:
        message, start = ask.message, ask.message.start
        assert isinstance(start, RequestLine)
        argument, secrets = request_argument(message, show=self._show)
        if not self._encrypted:
            for where in secrets:
                self._remarks.note(IN_CLEAR, message.told_frames(), f"{where} of {named(message)}")
        return Command(start.method, argument, message.told_frames(), ask.sent_ns or message.time_ns, message.octets)

    def _note_faults(self, side: int, message: Message) -> None:
        words = named(message)
        if side == SERVER and self._current is not None:
            words += f" to {named(self._current.message)}"
        for fault in sorted(message.head.faults):
            self._remarks.note(fault + (IN_REPLY if side == SERVER else ""), message.told_frames(), words)


def _may_switch(message: Message) -> bool:
    """Whether the reply to a request decides what the client's next octets are (RFC 9110 §7.8, §9.3.6)."""
    start = message.start
    return isinstance(start, RequestLine) and (start.method == "CONNECT" or bool(message.head.values("upgrade")))
