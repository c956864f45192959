"""The ManageSieve dialogue (RFC 5804) as pairs of command and reply.

Replies answer commands in order.  The capabilities a server begins with, and begins with again behind STARTTLS, answer
the pseudo-command ``connect``.  From STARTTLS on, only what keys opened is followed, unless both go on in clear.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from testbed.plural import count
from testbed.protocols.text import decoded
from testbed.trace.flows import CLIENT
from testbed.trace.model.exchange import (
    COMMAND_NOT_CAPTURED,
    NOT_CAPTURED,
    Command,
    Exchange,
    Reply,
    Transaction,
)
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.services.awaiting import Awaiting, Pairs
from testbed.trace.services.behind_tls import BehindTls, is_record
from testbed.trace.services.credentials import MASK, Credentials
from testbed.trace.services.lines import Place
from testbed.trace.services.managesieve.reader import Unit, UnitReader, Word
from testbed.trace.services.managesieve.results import ScriptResult
from testbed.trace.services.messages import OnMessage
from testbed.trace.tcp.reassembly import Chunk, Gap

_COMMANDS = frozenset(
    (
        "AUTHENTICATE",
        "CAPABILITY",
        "CHECKSCRIPT",
        "DELETESCRIPT",
        "GETSCRIPT",
        "HAVESPACE",
        "LISTSCRIPTS",
        "LOGOUT",
        "NOOP",
        "PUTSCRIPT",
        "RENAMESCRIPT",
        "SETACTIVE",
        "STARTTLS",
        "UNAUTHENTICATE",
    )
)
_STATUSES = frozenset((b"OK", b"NO", b"BYE"))
_HANDSHAKE = frozenset(("connect", "CAPABILITY", "STARTTLS"))
_TOLD = frozenset(("connect", "CAPABILITY", "GETSCRIPT"))  # replies that agree to these have data before them
_MAY_TELL = _TOLD | {"LISTSCRIPTS", "AUTHENTICATE"}
_SYNTAX = {  # what stands behind the verb (RFC 5804 §4)
    "HAVESPACE": "sa", "NOOP": "s", "SETACTIVE": "s", "DELETESCRIPT": "s", "GETSCRIPT": "s", "CHECKSCRIPT": "s",
    "PUTSCRIPT": "ss", "RENAMESCRIPT": "ss",
}  # fmt: skip
_MAX_EXCHANGES = 1_000_000
_MAX_LINES_KEPT, _MAX_TEXT, _MAX_STRING = 20, 500, 200


@dataclass(slots=True)
class _Data:
    """What the server said since the last reply was whole; ``holed`` tells that some of it is not in the capture."""

    lines: list[str] = field(default_factory=list)
    count: int = 0
    octets: int = 0
    frames: tuple[int, ...] = ()  # the first
    begun_ns: int = 0
    begin: int | None = None
    holed: bool = False


class _Answer(Struct, frozen=True):
    """A reply with the data before it."""

    status: str
    code: str
    text: str
    data: _Data
    frames: tuple[int, ...]
    end_ns: int


class ManageSieveDialogue:
    """Feed it what both sides said; :meth:`finish` gives the exchanges.

    ``show_credentials`` decodes what AUTHENTICATE sends, which is otherwise masked.  It carries no messages.
    """

    def __init__(self, *, show_credentials: bool = False, on_message: OnMessage | None = None) -> None:
        self._readers = (UnitReader(), UnitReader())
        self._awaiting = Awaiting(_fits)
        self._data = _Data()
        self._exchanges: list[Exchange] = []
        self._masking = False  # after AUTHENTICATE, until a line is a command again
        self._torn = False  # nothing the client has said behind its last hole was a command
        self._secret = False
        self._encrypted = False
        self._remarks = Remarks()
        self._behind = BehindTls(self._remarks, server_too=True)
        self._auth = Credentials(self._remarks, show=show_credentials)

    def feed(self, item: Chunk | Gap) -> None:
        """The next octets of one side."""
        if isinstance(item, Gap):
            self._gap(item)
            return
        if (item.decrypted and not self._encrypted) or (self._secret and self._behind.is_clear(item)):
            self._begin_anew(encrypted=item.decrypted, greeted=item.side == CLIENT)
        if self._secret or (self._encrypted and not item.decrypted):
            return
        if self._awaiting.holed and is_record(item):
            self._secret = True  # STARTTLS, or the reply to it, was in a hole
            return
        if item.side == CLIENT:
            self._tell(self._awaiting.goes_on(item), NOT_CAPTURED)
            self._data.holed = self._data.holed or self._awaiting.misses_replies
        else:
            self._awaiting.heard(item)
        reader = self._readers[item.side]
        reader.add(item)
        for unit in reader.units():
            (self._client_unit if item.side == CLIENT else self._server_unit)(unit)
            if self._secret:
                reader.forget()

    def remarks(self) -> tuple[Remark, ...]:
        """What there is to remark on, once it is finished."""
        return self._remarks.in_order()

    def finish(self) -> tuple[tuple[Exchange, ...], tuple[Transaction, ...]]:
        """Everything understood; ManageSieve carries no mail."""
        unit = self._readers[CLIENT].rest()
        if unit is not None and unit.words and not self._secret:
            self._client_unit(unit)
        self._leave_unanswered("no reply")
        self._behind.settle(self._exchanges)
        return tuple(self._exchanges), ()

    def _begin_anew(self, *, encrypted: bool, greeted: bool) -> None:
        """What follows the handshake of TLS can be read; both sides forget what was said before (RFC 5804 §2.2).

        ``greeted`` tells that the server does not tell its capabilities anew.
        """
        self._secret, self._encrypted, self._masking = False, encrypted, False
        for reader in self._readers:
            reader.forget()
        self._leave_unanswered("said before TLS had begun")
        if encrypted or not greeted:
            self._awaiting.greet_again()
        self._data = _Data()

    def _leave_unanswered(self, why: str) -> None:
        why = why if self._awaiting.in_step else NOT_CAPTURED
        self._tell(self._awaiting.rest(), why)

    def _gap(self, gap: Gap) -> None:
        """A literal may go on behind a hole; what else has begun does not."""
        if self._secret or (gap.encrypted and not self._encrypted):
            self._behind.is_clear(gap)
            self._secret = True
            return
        goes_on = self._readers[gap.side].hole(gap.octets)
        if gap.side != CLIENT:
            self._data.holed = True
        elif not goes_on:
            self._torn, self._masking = True, False
        if not goes_on:
            self._awaiting.hole(gap)

    # -- the client ---------------------------------------------------------------------------------

    def _client_unit(self, unit: Unit) -> None:
        if not unit.words:
            return
        first = unit.words[0]
        verb = "" if first.is_string else decoded(first.octets).upper()
        if self._torn and not _is_command(verb, unit):  # the rest of a command, a script, or a secret
            self._awaiting.torn()
            return
        self._torn = False
        if verb not in _COMMANDS and self._masking:
            self._respond(unit)
            return
        self._masking = verb == "AUTHENTICATE"
        argument = ""
        if verb == "AUTHENTICATE":
            argument = self._authenticate(unit)
        elif verb in _COMMANDS:
            argument = " ".join(_shown(word) for word in unit.words[1:])[:_MAX_TEXT]
        command = Command(verb[:20] or "?", argument, unit.frames, unit.time_ns, unit.octets)
        self._awaiting.ask(command, unit.place)

    def _authenticate(self, unit: Unit) -> str:
        """The argument of AUTHENTICATE as it may be shown."""
        mechanism, *initial = [word.octets for word in unit.words[1:3]] or [b""]
        mechanism = b"".join(mechanism.split()[:1])
        said = b" ".join((b"AUTH", mechanism, *initial))
        masked = " ".join((decoded(mechanism)[:40], *(MASK for _ in initial)))
        return self._auth.begin(said, masked, unit.frames, encrypted=self._encrypted)

    def _respond(self, unit: Unit) -> None:
        """The client answers a challenge: a string, base64 in it."""
        shown = self._auth.response(unit.words[0].octets, unit.frames, encrypted=self._encrypted)
        waiting = self._awaiting.newest
        if waiting is not None and self._auth.show and len(waiting.argument) < _MAX_TEXT:
            self._awaiting.replace(replace(waiting, argument=f"{waiting.argument} {shown}"))

    # -- the server ---------------------------------------------------------------------------------

    def _server_unit(self, unit: Unit) -> None:
        data = self._data
        if not data.frames:
            data.frames, data.begun_ns, data.begin = unit.frames[:1], unit.begun_ns, unit.place.begin
        data.octets += unit.octets
        if unit.words and not unit.words[0].is_string and unit.words[0].octets.upper() in _STATUSES:
            self._data = _Data()
            self._answered(unit, data)
            return
        data.count += 1
        oldest = self._awaiting.oldest
        challenged = oldest is not None and oldest.verb == "AUTHENTICATE"
        if len(data.lines) < _MAX_LINES_KEPT and not challenged and not data.holed:
            data.lines.append(" ".join(map(_shown, unit.words))[:_MAX_TEXT])

    def _answered(self, unit: Unit, data: _Data) -> None:
        code, text = _said(unit.words[1:]) if not unit.torn else ("", "")
        frames = tuple(dict.fromkeys((*data.frames, *unit.frames)))
        status = decoded(unit.words[0].octets).upper()
        answer = _Answer(status, code, text, data, frames, unit.time_ns)
        place = Place(data.begin, unit.place.end, unit.place.heard)
        self._tell(self._awaiting.answer(answer, place), NOT_CAPTURED)

    def _tell(self, pairs: Pairs[_Answer], without: str) -> None:
        """Keep what belongs together; ``without`` tells why a command has no reply."""
        for command, answer in pairs:
            if answer is not None:
                self._replied(command, answer)
            elif command is not None and command.frames:
                self._add(Exchange(_phase(command), command, None, without, unseen=without == NOT_CAPTURED))

    def _replied(self, command: Command | None, answer: _Answer) -> None:
        status, text, data = answer.status, answer.text, answer.data
        more = [count(data.count, "line")] if data.count > len(data.lines) > 0 and not data.holed else []
        first = " ".join(part for part in (f"({answer.code})" if answer.code else "", text) if part)
        lines = tuple(line for line in (first, *([] if data.holed else data.lines), *more) if line)
        reply = Reply(status, "", lines, answer.frames, data.begun_ns, answer.end_ns, data.octets)
        phase = _phase(command) if command is not None else Phase.CLOSURE if status == "BYE" else Phase.TRANSFER
        unseen = command is None and self._awaiting.holed
        note = {"NO": f"refused: {text}", "BYE": f"the server closes: {text}"}.get(status, "").rstrip(": ")
        note = note or (COMMAND_NOT_CAPTURED if unseen else "")
        lists = command is not None and command.verb == "LISTSCRIPTS" and status == "OK" and not data.holed
        result = ScriptResult(answer.code, text, data.count if lists else None)
        self._add(Exchange(phase, command, reply, note, result, unseen=unseen))
        if command is not None and command.verb == "STARTTLS" and status == "OK":
            behind = self._awaiting.oldest
            if behind is not None:
                self._remarks.note("commands-behind-starttls", behind.frames, behind.verb)
            self._secret = True
            self._behind.expect()

    def _add(self, exchange: Exchange) -> None:
        if len(self._exchanges) < _MAX_EXCHANGES:
            self._exchanges.append(exchange)


def _is_command(verb: str, unit: Unit) -> bool:
    """Whether a line can be nothing but a command, whatever stood before it."""
    if verb not in _COMMANDS:
        return False
    if verb == "AUTHENTICATE":
        return len(unit.words) in (2, 3)
    forms = "".join("s" if word.is_string else "a" for word in unit.words[1:])
    return forms == _SYNTAX.get(verb, "") or (verb, forms) == ("NOOP", "")


def _fits(command: Command, answer: _Answer) -> bool:
    """Whether a reply may be that to a command, by its form."""
    if answer.status != "OK" or answer.data.holed:
        return True
    if answer.data.count:
        return command.verb in _MAY_TELL
    return command.verb not in _TOLD


def _phase(command: Command) -> Phase:
    if command.verb in _HANDSHAKE:
        return Phase.HANDSHAKE
    return Phase.CLOSURE if command.verb == "LOGOUT" else Phase.TRANSFER


def _shown(word: Word) -> str:
    """A word for eyes; a script, or what else is long, by its length."""
    if not word.is_string:
        return decoded(word.octets[:_MAX_STRING])
    if word.size > _MAX_STRING or b"\n" in word.octets:
        return f"{{{word.size} octets}}"
    return f'"{decoded(word.octets)}"'


def _said(words: tuple[Word, ...]) -> tuple[str, str]:
    """The response code in capital letters, ``""`` for none, and the text for people (RFC 5804 §1.3)."""
    code, depth = "", 0
    for at, word in enumerate(words):
        if word.is_string and not depth:
            return code, " ".join(map(decoded, word.octets[:_MAX_TEXT].split()))
        if not word.is_string:
            depth += (word.octets == b"(") - (word.octets == b")")
            if at == 1 and depth == 1:
                code = decoded(word.octets[:60]).upper()
    return code, ""
