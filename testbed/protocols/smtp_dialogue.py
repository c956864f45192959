"""The dialogue of an SMTP or LMTP client with its server, as whoever stands between them follows it (RFC 5321, 2033).

It says which command a line is, when a message begins and ends, which reply belongs to what, and what a server would
have to be told again to know as much.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from testbed.protocols.smtp import BEGINS_TLS, HELLOS, path_of
from testbed.protocols.smtp_octets import ClientOctets, Command, Content, End, Part, ReplyOctets, Response, ServerOctets

_NULL_PATH = "<>"
_DECIDES = BEGINS_TLS | {"DATA", "AUTH"}  # what comes behind these is told by the reply
_GREETING = Command(b"", "connect", "")


class Reply(Struct, frozen=True):
    """A reply, and the stage it belongs to: a verb, ``connect`` or ``message``; ``""`` where nobody had asked."""

    octets: bytes
    code: str
    stage: str


@dataclass(slots=True)
class MailTransaction:
    """What a server has been told and has taken: MAIL, and RCPT of each recipient."""

    sender: str | None = None
    mail: Command | None = None
    recipients: list[tuple[str, Command]] = field(default_factory=list)


class SmtpDialogue:
    """One connection.  Its owner feeds it with what comes, and tells of each part whether the server is given it.

    ``session`` is what opened the session, for a server that has to be told again: hello, and a login.
    ``begins_tls`` tells that what follows the last reply is TLS, ``answered_early`` that the message has been answered
    before its end.
    """

    def __init__(self) -> None:
        self.session: list[Command | Response] = []
        self.transaction = MailTransaction()
        self.lmtp = self.begins_tls = self.answered_early = False
        self._client = ClientOctets()
        self._server = ServerOctets()
        self._awaited: deque[Command | Response | End] = deque()
        self._early: list[ReplyOctets] = []  # to what is still to be understood
        self._chunk = 0  # octets that are still to pass before the last that is awaited
        self._login: list[Command | Response] = []

    def feed(self, octets: bytes) -> None:
        """The client has said more."""
        self._client.feed(octets)

    def take(self) -> Part | None:
        """The next part of what it has said; None while more must come, or a reply (:attr:`undecided`)."""
        return None if self.undecided else self._client.take()

    @property
    def rest(self) -> bytes:
        """What it has said besides, whatever that is."""
        return self._client.rest

    @property
    def undecided(self) -> bool:
        """Whether the next reply tells what the client's next octets are."""
        return any(
            isinstance(one, Response) or (isinstance(one, Command) and one.verb in _DECIDES) for one in self._awaited
        )

    @property
    def awaits_reply(self) -> bool:
        """Whether the server owes a reply to anything that is whole."""
        return len(self._awaited) > (self._chunk > 0)

    def sender_or(self, other: str) -> str:
        """Whose mail it is about: that of the transaction, else another's; ``<>`` for a notification."""
        return self.transaction.sender or other or _NULL_PATH

    def connected(self) -> None:
        """A server is there, and is going to greet."""
        self.disconnected()
        self._awaited.append(_GREETING)

    def disconnected(self) -> None:
        """There is no server any more: it owes nothing."""
        self._server = ServerOctets()
        self._awaited.clear()
        self._early.clear()
        self._chunk = 0

    def passed(self, part: Part) -> list[Reply]:
        """The server is given a part; the replies to it that had come before, without their octets.

        So they do where a part was given ahead, or the server takes it for something else.
        """
        match part:
            case Command() if not part.begins_last_chunk:  # which is answered when it is there
                self._awaited.append(part)
                self._chunk = part.chunk
            case Content(octets):
                self._chunk = max(0, self._chunk - len(octets))
            case Response():
                self._awaited.append(part)
            case End():
                replies = len(self.transaction.recipients) if self.lmtp else 1
                self._awaited.extend([part] * (0 if self.answered_early else replies))
                if not replies or self.answered_early:
                    self.end_message()
        early, self._early = self._early[: len(self._awaited)], self._early[len(self._awaited) :]
        return [replace(self._answered(reply), octets=b"") for reply in early]

    def invite(self) -> None:
        """The client is told to send its message, whoever tells it."""
        self._client.begin_message()

    def withdraw(self) -> None:
        """The client's next octets are no message after all."""
        self._client.end_message()

    def heard(self, octets: bytes) -> list[Reply]:
        """The server has said more: the replies that are whole now."""
        return [self._answered(reply) for reply in self._server.feed(octets)]

    def unheard(self) -> bytes:
        """Take out what has come of a reply that is not whole."""
        return self._server.rest()

    def end_message(self) -> None:
        """The transaction is over."""
        self.transaction, self.answered_early = MailTransaction(), False

    def begin_anew(self) -> None:
        """TLS has begun: nothing that was said before counts (RFC 3207 §4.2)."""
        self.begins_tls, self.session, self.lmtp = False, [], False
        self.end_message()
        self._client.clear()

    def _answered(self, reply: ReplyOctets) -> Reply:
        if not self._awaited:
            if self._client.rest and not self._client.in_message:
                self._early.append(reply)
            self.answered_early = self._client.in_message
            return Reply(reply.octets, reply.code, "message" if self.answered_early else "")
        part = self._awaited.popleft()
        taken = reply.code[:1] == "2"
        match part:
            case End():
                if not any(isinstance(one, End) for one in self._awaited):
                    self.end_message()
                return Reply(reply.octets, reply.code, "message")
            case Response():
                self._of_login(part, reply.code)
                return Reply(reply.octets, reply.code, "AUTH")
            case Command(verb="AUTH"):
                self._login = []
                self._of_login(part, reply.code)
            case Command(verb="DATA") if reply.code == "354":
                self._client.begin_message()
            case Command(verb=verb) if taken:
                self._done(verb, part)
        return Reply(reply.octets, reply.code, part.verb)

    def _done(self, verb: str, command: Command) -> None:
        if verb in HELLOS:
            self.lmtp, self.session = verb == "LHLO", [command]
            self.end_message()
        elif verb == "MAIL":
            self.transaction = MailTransaction(path_of(command.argument) or _NULL_PATH, command)
        elif verb == "RCPT":
            self.transaction.recipients.append((path_of(command.argument), command))
        elif verb == "RSET":
            self.end_message()
        elif verb in BEGINS_TLS:
            self.begins_tls = True

    def _of_login(self, line: Command | Response, code: str) -> None:
        self._login.append(line)
        if code == "334":
            self._client.begin_response()
        elif code == "235":
            self.session += self._login
