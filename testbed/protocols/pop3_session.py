"""The server side of a POP3 session, without sockets (RFC 1939; 2449 CAPA, 2595 STLS, 3206 [AUTH]).

state          it is said               then
-------------  -----------------------  --------------------------------------------------
AUTHORIZATION  CAPA, STLS, USER         AUTHORIZATION
               PASS, right              TRANSACTION; the maildrop is locked
               QUIT                     over
TRANSACTION    STAT LIST UIDL RETR TOP  TRANSACTION
               DELE RSET NOOP CAPA
               QUIT                     UPDATE: what is marked is deleted; then over
any            nothing for ten minutes  over; nothing is deleted
               the connection is lost   over; nothing is deleted
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Protocol

MAX_LINE = 255  # octets of a command, CRLF included (RFC 2449 §4)
AUTOLOGOUT_S = 600.0  # RFC 1939 §3

_BARE_LF = re.compile(rb"(?<!\r)\n")
_LINE_WITH_DOT = re.compile(rb"^\.", re.M)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Maildrop(Protocol):
    """The mailbox of one user, locked for one session (RFC 1939 §4).  Messages are counted from 1."""

    @property
    def unique_ids(self) -> tuple[str, ...]:
        """One for each message: 1 to 70 characters 0x21 to 0x7E, the same in every session (RFC 1939 §7)."""

    def read(self, number: int) -> bytes:
        """A message as it lies on disk."""

    def octets(self, number: int) -> int:
        """How many octets a message has, its lines ending with CRLF (:func:`octets_of`)."""

    def update(self, deleted: frozenset[int]) -> None:
        """Delete these messages for good."""

    def release(self) -> None:
        """Give the lock back."""


class InUse(Exception):
    """Another session has the maildrop."""


Login = Callable[[str, str], Maildrop | None]
"""From user and password to the maildrop, None when one of them is wrong.  Raises InUse."""


class State(Enum):
    """Where a session is (RFC 1939 §3)."""

    AUTHORIZATION = auto()
    TRANSACTION = auto()
    OVER = auto()


class Pop3Session:
    """Feed it octets, take its commands one by one, and send what it answers.

    ``tls`` tells that STLS can be done; :attr:`tls_begins` is set once it has been agreed on, and the octets that came
    behind it are thrown away (RFC 2595 §4).
    """

    def __init__(self, host: str, login: Login, *, tls: bool = False) -> None:
        self.state = State.AUTHORIZATION
        self.tls_begins = False
        self._host = host
        self._login = login
        self._tls = tls
        self._received = bytearray()
        self._too_long = False
        self._user = ""
        self._drop: Maildrop | None = None
        self._sizes: tuple[int, ...] = ()
        self._deleted: set[int] = set()

    def greeting(self) -> bytes:
        """What is said first."""
        return _line(f"+OK {self._host} POP3 server ready")

    def feed(self, octets: bytes) -> None:
        """The next octets of the client.  No more than one command line is kept of a line without end."""
        self._received += octets
        if len(self._received) > MAX_LINE and b"\n" not in self._received:
            self._too_long = True
            self._received.clear()

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command that is complete: its keyword in upper case, and its argument."""
        while self.state is not State.OVER:
            line, end, rest = self._received.partition(b"\n")
            if not end:
                return
            self._received = bytearray(rest)
            too_long, self._too_long = self._too_long or len(line) + 1 > MAX_LINE, False
            text = "" if too_long else line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
            keyword, _, argument = text.partition(" ")
            yield keyword.upper(), argument

    def answer(self, keyword: str, argument: str) -> bytes:
        """Do what a command says, and give the reply."""
        do = _COMMANDS[self.state].get(keyword)
        if do is None:
            known = any(keyword in commands for commands in _COMMANDS.values())
            return _line("-ERR not now" if known else "-ERR unknown command")
        return do(self, argument)

    def lost(self) -> None:
        """The connection is gone: the session is over, and what was marked stays (RFC 1939 §3, §6)."""
        self.state = State.OVER
        if self._drop is not None:
            self._drop.release()
            self._drop = None

    # -- commands -----------------------------------------------------------------------------------

    def _capa(self, argument: str) -> bytes:
        offered = ["TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        if self._tls and self.state is State.AUTHORIZATION:
            offered.append("STLS")
        return _lines("+OK capabilities follow", offered)

    def _stls(self, argument: str) -> bytes:
        if not self._tls:
            return _line("-ERR no TLS here")
        self._tls, self.tls_begins, self._user = False, True, ""
        self._received.clear()
        return _line("+OK begin TLS")

    def _name(self, argument: str) -> bytes:
        self._user = argument
        return _line("+OK send PASS")  # to everybody: nobody learns who has a mailbox (RFC 1939 §7)

    def _password(self, argument: str) -> bytes:
        if not self._user:
            return _line("-ERR USER comes first")
        user, self._user = self._user, ""
        try:
            drop = self._login(user, argument)
        except InUse:
            return _line("-ERR [IN-USE] another session has this mailbox open")
        if drop is None:
            return _line("-ERR [AUTH] wrong name or password")
        self._drop, self.state = drop, State.TRANSACTION
        self._sizes = tuple(drop.octets(n + 1) for n in range(len(drop.unique_ids)))
        return _line(f"+OK {len(self._sizes)} messages ({sum(self._sizes)} octets)")

    def _stat(self, argument: str) -> bytes:
        left = self._left()
        return _line(f"+OK {len(left)} {sum(self._sizes[n - 1] for n in left)}")

    def _list(self, argument: str) -> bytes:
        return self._listing(argument, lambda number: str(self._sizes[number - 1]))

    def _uidl(self, argument: str) -> bytes:
        unique_ids = self._maildrop.unique_ids
        return self._listing(argument, lambda number: unique_ids[number - 1])

    def _retr(self, argument: str) -> bytes:
        number = self._number(argument)
        if number is None:
            return _NO_MESSAGE
        return _line(f"+OK {self._sizes[number - 1]} octets") + _stuffed(_as_lines(self._maildrop.read(number)))

    def _top(self, argument: str) -> bytes:
        which, _, lines = argument.partition(" ")
        number = self._number(which)
        if number is None or not _NUMBER.fullmatch(lines):
            return _NO_MESSAGE
        head, blank, body = _as_lines(self._maildrop.read(number)).partition(b"\r\n\r\n")
        first = b"".join(body.splitlines(keepends=True)[: int(lines)]) if blank else b""
        return _line("+OK top of message follows") + _stuffed(head + blank + first)

    def _dele(self, argument: str) -> bytes:
        number = self._number(argument)
        if number is None:
            return _NO_MESSAGE
        self._deleted.add(number)
        return _line(f"+OK message {number} will be deleted at QUIT")

    def _rset(self, argument: str) -> bytes:
        self._deleted.clear()
        return _line(f"+OK {len(self._sizes)} messages")

    def _noop(self, argument: str) -> bytes:
        return _line("+OK")

    def _quit(self, argument: str) -> bytes:
        if self._drop is not None:
            self._drop.update(frozenset(self._deleted))
        self.lost()
        return _line("+OK goodbye")

    # -- what they share ----------------------------------------------------------------------------

    @property
    def _maildrop(self) -> Maildrop:
        assert self._drop is not None  # in TRANSACTION there is one
        return self._drop

    def _left(self) -> list[int]:
        return [number for number in range(1, len(self._sizes) + 1) if number not in self._deleted]

    def _number(self, argument: str) -> int | None:
        """The message an argument names, None when there is none, or none any more."""
        number = int(argument) if _NUMBER.fullmatch(argument) else 0
        return number if 0 < number <= len(self._sizes) and number not in self._deleted else None

    def _listing(self, argument: str, told: Callable[[int], str]) -> bytes:
        if not argument:
            return _lines("+OK", [f"{number} {told(number)}" for number in self._left()])
        number = self._number(argument)
        return _NO_MESSAGE if number is None else _line(f"+OK {number} {told(number)}")


_ALWAYS = {"CAPA": Pop3Session._capa, "QUIT": Pop3Session._quit}
_COMMANDS: dict[State, dict[str, Callable[[Pop3Session, str], bytes]]] = {
    State.AUTHORIZATION: {
        **_ALWAYS,
        "STLS": Pop3Session._stls,
        "USER": Pop3Session._name,
        "PASS": Pop3Session._password,
    },
    State.TRANSACTION: {
        **_ALWAYS,
        "STAT": Pop3Session._stat,
        "LIST": Pop3Session._list,
        "UIDL": Pop3Session._uidl,
        "RETR": Pop3Session._retr,
        "TOP": Pop3Session._top,
        "DELE": Pop3Session._dele,
        "RSET": Pop3Session._rset,
        "NOOP": Pop3Session._noop,
    },
    State.OVER: {},
}


def octets_of(message: bytes) -> int:
    """What the size of a message counts, whatever its lines end with (RFC 1939 §11)."""
    return len(_as_lines(message))


def _line(text: str) -> bytes:
    return text.encode() + b"\r\n"


def _lines(first: str, rest: list[str]) -> bytes:
    return b"".join(map(_line, [first, *rest, "."]))


def _as_lines(message: bytes) -> bytes:
    """A message as lines that end with CRLF."""
    message = _BARE_LF.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") or not message else message + b"\r\n"


def _stuffed(lines: bytes) -> bytes:
    """The body of a reply of many lines, up to its lone dot (RFC 1939 §3)."""
    return _LINE_WITH_DOT.sub(b"..", lines) + b".\r\n"


_NO_MESSAGE = _line("-ERR no such message")
