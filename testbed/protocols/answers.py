"""What a server answers to one line, whole, in each language of mail: where it ends, and what it comes to.

A reading is a generator: it yields None for want of a line, or a number for want of so many octets, is sent them, and
returns the answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator

from msgspec import Struct

from testbed.protocols import imap, pop3
from testbed.protocols.smtp import parse_reply_line, split_command
from testbed.protocols.status import split_enhanced
from testbed.protocols.text import decoded


class Answer(Struct, frozen=True):
    """What was said to one line.

    ``statuses`` are what it comes to, one but where LMTP answers for each recipient: ``452 4.2.2``, ``-ERR [IN-USE]``,
    ``NO [OVERQUOTA]``, ``+`` where the client is to go on, ``""`` for what is no reply.  ``decisive`` is the line that
    says so, ``lines`` are all.
    """

    statuses: tuple[str, ...]
    decisive: bytes
    lines: tuple[bytes, ...]


Reading = Generator[int | None, bytes, Answer]
Response = Generator[int | None, bytes, list[bytes]]


class Language(ABC):
    """One dialogue's knowledge of which answer belongs to which line."""

    @abstractmethod
    def greeting(self) -> Reading:
        """What the server says first."""

    @abstractmethod
    def answer(self, line: bytes) -> Reading:
        """What it says to a line, given without its end."""


class Smtp(Language):
    """RFC 5321 §4.2."""

    def greeting(self) -> Reading:
        """One reply, all its lines."""
        lines: list[bytes] = []
        while True:
            lines.append((yield None))
            parsed = parse_reply_line(lines[-1])
            if parsed is None or parsed.last:
                enhanced = split_enhanced(parsed.text)[0] if parsed is not None else ""
                status = f"{parsed.code} {enhanced}".strip() if parsed is not None else ""
                return Answer((status,), lines[0], tuple(lines))

    def answer(self, line: bytes) -> Reading:
        """One reply."""
        return self.greeting()


class Lmtp(Smtp):
    """RFC 2033 §4.2: a message is answered once for each recipient that was taken."""

    def __init__(self) -> None:
        self._taken = 0
        self._in_data = False

    def answer(self, line: bytes) -> Reading:
        """One reply; behind a message one for each recipient."""
        verb, argument = split_command(line)
        ends = line == b"." if self._in_data else verb == "BDAT" and argument.upper().endswith(" LAST")
        if ends and self._taken:
            replies = []
            for _ in range(self._taken):
                replies.append((yield from self.greeting()))
            self._taken, self._in_data = 0, False
            lines = tuple(line for reply in replies for line in reply.lines)
            return Answer(tuple(reply.statuses[0] for reply in replies), lines[0], lines)
        reply = yield from self.greeting()
        code = reply.statuses[0][:1]
        self._in_data = verb == "DATA" and code == "3"
        if code == "2":
            self._taken = self._taken + 1 if verb == "RCPT" else 0 if verb in ("MAIL", "RSET", "LHLO") else self._taken
        return reply


class Pop3(Language):
    """RFC 1939 §3."""

    def greeting(self) -> Reading:
        """One line."""
        return self.answer(b"")

    def answer(self, line: bytes) -> Reading:
        """A line, and where the command asks for many, all up to the lone dot; their dots are unstuffed."""
        first = yield None
        word, _, text = decoded(first).partition(" ")
        code, _ = imap.response_code(text)
        lines = [first]
        if word == "+OK" and pop3.is_multi_line(*pop3.split_command(line)):
            while (more := (yield None)) != b".":
                lines.append(more.removeprefix(b"."))
        known = word if word in ("+OK", "-ERR", "+") else ""
        return Answer((f"{known} [{code}]" if known and code else known,), first, tuple(lines))


class Imap(Language):
    """RFC 3501 §7: untagged responses, then one with the command's tag, or ``+`` where the command is to go on."""

    def __init__(self) -> None:
        self._going_on = b""  # the tag of the command whose next part the server has asked for
        self._early: dict[bytes, Answer] = {}  # of commands in one breath, ended before those said earlier

    def greeting(self) -> Reading:
        """One untagged response."""
        lines = yield from _response()
        return Answer((_imap_status(lines[0])[1],), lines[0], tuple(lines))

    def answer(self, line: bytes) -> Reading:
        """All responses up to the command's own."""
        tag = self._going_on or line.split(b" ", 1)[0]
        self._going_on = b""
        if tag in self._early:
            return self._early.pop(tag)
        told: list[bytes] = []
        while True:
            response = yield from _response()
            told += response
            said_to, status = _imap_status(response[0])
            if response[0][:1] == b"+":
                self._going_on = tag
                return Answer(("+",), response[0], tuple(told))
            answer = Answer((status,), response[0], tuple(told))
            if said_to == tag or (said_to == b"*" and status == "BAD" and not tag.isalnum()):
                return answer
            if said_to not in (b"", b"*"):
                self._early[said_to] = answer
                told = []


class ManageSieve(Language):
    """RFC 5804 §1.2: data, then OK, NO or BYE."""

    def greeting(self) -> Reading:
        """Its capabilities, then OK."""
        told: list[bytes] = []
        while True:
            response = yield from _response()
            told += response
            word, _, text = decoded(response[0]).partition(" ")
            if word.upper() in ("OK", "NO", "BYE"):
                code = text[1:].partition(")")[0].split()[:1] if text.startswith("(") else []
                return Answer(
                    (" ".join([word.upper(), *(f"({name.upper()})" for name in code)]),), response[0], tuple(told)
                )

    def answer(self, line: bytes) -> Reading:
        """The same to any command."""
        return self.greeting()


LANGUAGES: dict[str, type[Language]] = {
    "smtp": Smtp,
    "submission": Smtp,
    "lmtp": Lmtp,
    "pop3": Pop3,
    "imap": Imap,
    "managesieve": ManageSieve,
}


def _response() -> Response:
    """The lines of a response with the literals in it, a literal's lines each by itself."""
    lines = [(yield None)]
    while (octets := imap.literal_octets(lines[-1])) is not None:
        lines += (yield octets).splitlines()
        lines.append((yield None))
    return lines


def _imap_status(line: bytes) -> tuple[bytes, str]:
    """Tag, and status with its code; empty both for data."""
    found = imap.split_status(line)
    if found is None:
        return b"", ""
    _, word, text = found
    code, _ = imap.response_code(text)
    return line.split(b" ", 1)[0], f"{word} [{code}]" if code else word
