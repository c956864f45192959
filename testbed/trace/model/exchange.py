"""What was said on a connection: commands, replies, and the mail transactions they make."""

from __future__ import annotations

from msgspec import Struct

from testbed.trace.model.mail import Letter, ReadMail
from testbed.trace.model.phase import Phase

UNSEEN = "(unseen)"
"""In the place of an address that is not in the capture."""
NOT_CAPTURED = "reply not in the capture"
COMMAND_NOT_CAPTURED = "its command is not in the capture"
CAPTURE_ENDS = "the capture ends before its reply"


class Command(Struct, frozen=True):
    """What the client said.

    ``verb`` is upper case as in the protocol (``RCPT``, ``RETR``); DNS queries use the type (``MX``).  Two are
    pseudo-commands in lower case: ``connect`` (waiting for the greeting) and ``message`` (the octets after 354
    up to the final dot).  ``octets`` counts what was sent, terminators included.  A ``message`` that ends before its
    dot is not ``whole``.
    """

    verb: str
    argument: str
    frames: tuple[int, ...]
    time_ns: int
    octets: int
    whole: bool = True


class Reply(Struct, frozen=True):
    """What the server answered.

    ``code`` is the protocol's own word: ``250``, ``+OK``, ``NO``, ``NXDOMAIN``.  ``enhanced`` is the RFC 3463
    status code or ``""``.  ``lines`` are the texts without code and enhanced code.  It began at
    ``time_ns``, and its last line was there at ``end_ns``.  One that is not ``whole`` was cut off within that: nobody
    who waited for it has heard it.
    """

    code: str
    enhanced: str
    lines: tuple[str, ...]
    frames: tuple[int, ...]
    time_ns: int
    end_ns: int
    octets: int
    whole: bool = True

    @property
    def text(self) -> str:
        """All lines joined by a space."""
        return " ".join(self.lines)

    @property
    def status(self) -> str:
        """Code and enhanced code: ``452 4.2.2``."""
        return f"{self.code} {self.enhanced}".strip()


class ServiceResult:
    """What came of a command, as data: the base of every service's own.  Text is made of it, never it of text."""

    __slots__ = ()

    @property
    def carried(self) -> tuple[ReadMail, ...]:
        """The messages that came with it."""
        return ()

    @property
    def asked_with(self) -> str:
        """What is to be said of the command besides its words, ``""`` for nothing."""
        return ""


class Exchange(Struct, frozen=True):
    """A command and its reply; either may be missing (cut connection, greeting, unsolicited 421).

    ``unseen`` tells that something is missing that was said, or may have been, and is not in the capture.

    ``result`` is what the dialogue read in the reply, None where it says no more than its code.  Programs go by it, for
    ``lines`` and ``note`` are made for eyes: cut to what can be shown, and in the words of whoever spoke.
    """

    phase: Phase
    command: Command | None
    reply: Reply | None
    note: str  # the outcome in words: "RCPT refused: mailbox full (temporary)"
    result: ServiceResult | None = None
    further: tuple[Reply, ...] = ()  # more replies to the same command, as LMTP has to a message
    unseen: bool = False

    @property
    def replies(self) -> tuple[Reply, ...]:
        """All replies to the command."""
        return (self.reply, *self.further) if self.reply is not None else ()

    @property
    def latency_ns(self) -> int | None:
        """From the last octet of the command to the first of the reply; None where the capture has them in no order."""
        if self.command is None or self.reply is None or self.reply.time_ns < self.command.time_ns:
            return None
        return self.reply.time_ns - self.command.time_ns

    @property
    def waited_ns(self) -> int | None:
        """From the last octet of the command to the last of the reply, which is when a client can go on."""
        if self.command is None or self.reply is None or self.reply.end_ns < self.command.time_ns:
            return None
        return self.reply.end_ns - self.command.time_ns

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the command, then of its replies."""
        return (self.command.frames if self.command else ()) + self.reply_frames

    @property
    def reply_frames(self) -> tuple[int, ...]:
        """Frames of all replies, each once."""
        if not self.further:
            return self.reply.frames if self.reply is not None else ()
        return tuple(dict.fromkeys(frame for reply in self.replies for frame in reply.frames))


class Recipient(Struct, frozen=True):
    """One RCPT of a transaction and the fate it met on this connection."""

    address: str
    reply: Reply | None  # to RCPT, or to the refused MAIL before it
    accepted: bool  # RCPT answered 2xx and the message answered 2xx
    parameters: str = ""  # what RCPT said besides the address: "NOTIFY=NEVER"
    final: Reply | None = None  # to the message, if it was meant for this recipient: in LMTP its own (RFC 2033 §4.2)
    unseen: bool = False  # what decides on it, or its RCPT, is not in the capture

    @property
    def refused(self) -> bool:
        """Whether RCPT was refused, or MAIL before it: the message is not meant for this recipient."""
        return self.reply is not None and self.reply.whole and not self.reply.code.startswith("2")

    @property
    def in_doubt(self) -> bool:
        """Whether nobody who sent it a message can know what became of it (RFC 1047); garbage is no reply."""
        if self.unseen:
            return False  # the client knows
        return not self.refused and (self.final is None or not self.final.code or not self.final.whole)

    @property
    def decisive(self) -> Reply | None:
        """The reply that decided on it, None where it was not refused and no reply to the message came."""
        return self.reply if self.refused else self.final


class Transaction(Struct, frozen=True):
    """An SMTP mail transaction (RFC 5321 §3.3): one MAIL, its RCPTs, at most one message."""

    sender: str  # reverse-path, "" for the null path, :data:`UNSEEN` where the capture does not have it
    recipients: tuple[Recipient, ...]
    message: Exchange | None  # the octets after 354 and the reply to the final dot, in LMTP one for each recipient
    letter: Letter  # what the message says of itself, as far as it came
    frames: tuple[int, ...]
    parameters: str = ""  # what MAIL said besides the path: "SIZE=512 REQUIRETLS"
    given_up: bool = False  # the client took it back by RSET before it had sent a message

    @property
    def command(self) -> str:
        """What carried the message: DATA or BDAT, ``""`` where none came."""
        carried = self.message.command if self.message is not None else None
        return "" if carried is None else "DATA" if carried.verb == "message" else carried.verb

    @property
    def whole(self) -> bool:
        """Whether a message came, and the capture holds all of it."""
        carried = self.message.command if self.message is not None else None
        return carried is not None and carried.whole and not self.letter.holed

    @property
    def message_id(self) -> str:
        """Its Message-ID, ``""`` for none."""
        return self.letter.message_id

    @property
    def subject(self) -> str:
        """Its Subject, ``""`` for none."""
        return self.letter.subject
