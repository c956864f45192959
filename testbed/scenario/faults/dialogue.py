"""What a server says, or fails to say; and where a client falls silent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from testbed.durations import MILLISECOND, SECOND, format_duration
from testbed.protocols.smtp import HELLOS
from testbed.scenario.base import Address, PeopleWait
from testbed.scenario.faults.dialogue_words import DEEDS, MOMENTS, STAGES
from testbed.scenario.faults.reading import ReadingStage, check_reply, protocol_of
from testbed.scenario.faults.reply import ReplyText, check_smtp_reply
from testbed.scenario.faults.times import HOW_OFTEN, Times
from testbed.scenario.faults.when import When
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName
from testbed.scenario.octets import Octets, octets_of
from testbed.scenario.problems import Found
from testbed.scenario.program_hosts import mail_ports

Stage = Literal[
    "connect",
    "HELO",
    "EHLO",
    "LHLO",
    "STARTTLS",
    "AUTH",
    "MAIL",
    "RCPT",
    "DATA",
    "message",
    "QUIT",
    "RSET",
    "NOOP",
    "VRFY",
]
Sender = Annotated[str, Field(pattern=r"^(<>|[^\s@<>]+@[^\s@<>]+)$", max_length=254, examples=["<>"])]

NULL_SENDER = "<>"
_ACTS = {
    "close": "closes the connection",
    "reset": "resets the connection",
    "stall": "falls silent",
    "deaf": "stops reading",
    "sip": "reads an octet every {pace}",
    "drip": "says its reply an octet every {pace}",
    "garble": "answers with what is no reply",
    "endless": "answers without end",
    "crash": "crashes",
}
_IN_MID_MESSAGE = ("close", "reset", "stall", "deaf", "sip", "crash")
_OF_CLIENTS = ("close", "reset", "stall", "crash")
_TO_READERS = ("close", "reset", "stall", "crash")
_LAST_WORDS = ("QUIT", "POP3 QUIT", "IMAP LOGOUT")
_AFTER = {"command": "before doing it", "act": "having done it", "reply": "after its reply"}


class DialogueFault(When):
    """What a server says, or fails to say, at a stage of the dialogue.

    With ``reply`` (or ``raw``) it says that instead of doing what it was asked; but a greeting of 220 opens the
    session, and so does 250 to EHLO, HELO or LHLO: it then has what it has, whatever it says.  With ``delay``
    alone, it does what it was asked and answers late.  With ``then`` alone, it does not answer at all:
    at ``message`` it has stored the mail all the same (RFC 1047), at every other stage it has done nothing; ``after``
    says otherwise.

    With ``as: client``, and at a user agent, it is what a client does once it has sent a command and heard the reply.
    """

    at: HostName = Field(description="The server; or the client.")
    as_: Literal["server", "client"] = Field(
        default="server", alias="as", description="Which of a relay's two roles; a user agent has only one."
    )
    on: Annotated[Literal[Stage, ReadingStage], STAGES] = Field(
        description="The command it is asked; 'connect' is the greeting, 'message' comes after the final dot; "
        "with POP3 or IMAP in front, a command of those who read."
    )
    reply: ReplyText | None = Field(
        default=None,
        description="What it answers: a line, or several as a text or a list.",
        examples=["452 4.2.2 Mailbox full", ["452-4.2.2 Mailbox full", "452 4.2.2 Ask him to read his mail"]],
    )
    raw: Octets | None = Field(
        default=None,
        min_length=1,
        max_length=100_000,
        description="The octets it answers, as they are and no reply perhaps: <CRLF>, <CR>, <LF>, <NUL>, or an octet a "
        "character.",
        examples=["220-mx<LF>220 ready<LF>"],
    )
    delay: PeopleWait | None = Field(
        default=None,
        ge=MILLISECOND,
        description="How late it answers, or does what 'then' says; alone, its own answer comes late, and whole.",
        examples=["5s"],
    )
    then: (
        Annotated[Literal["close", "reset", "stall", "deaf", "sip", "drip", "garble", "endless", "crash"], DEEDS] | None
    ) = Field(default=None, description="What it does then.")
    after: Annotated[Literal["command", "act", "reply"], MOMENTS] | None = Field(
        default=None, description="When it does so."
    )
    octet: int | None = Field(
        default=None, strict=True, ge=1, description="In mid-message, past so many octets (with 'on: message')."
    )
    pace: PeopleWait = Field(
        default=SECOND, description="The time between two octets of 'drip' and 'sip' (default: 1s)."
    )
    restart: PeopleWait | None = Field(
        default=None, description="How long after a crash it is back; without it, never."
    )
    times: Times | None = Field(default=None, description=HOW_OFTEN)
    recipient: Address | None = Field(
        default=None, description="Only for this recipient (with 'on: RCPT'; by LMTP with 'on: message' too)."
    )
    mail_from: Sender | None = Field(
        default=None, description="Only for mail of this sender; '<>' for notifications (with 'on: MAIL' and later)."
    )

    @field_validator("reply")
    @classmethod
    def _is_a_reply(cls, value: str | None, info: ValidationInfo) -> str | None:
        protocol = protocol_of(str(info.data.get("on", "")))
        if value is not None and protocol:
            check_reply(protocol, value)
        elif value is not None:
            check_smtp_reply(value)
        return value

    @model_validator(mode="after")
    def _does_something(self) -> DialogueFault:
        if not self.answers and self.then is None and self.delay is None:
            raise ValueError("the fault does nothing: give it 'reply', 'raw', 'delay' or 'then'")
        if self.reply is not None and self.raw is not None:
            raise ValueError("it answers with 'reply' or with 'raw', not with both")
        if self.recipient is not None and (self.on not in ("RCPT", "message") or self.octet is not None):
            raise ValueError("'recipient' goes with 'on: RCPT', or where LMTP is spoken with 'on: message'")
        if self.mail_from is not None and self.on not in ("MAIL", "RCPT", "DATA", "message"):
            raise ValueError("'mail_from' goes with 'on: MAIL', RCPT, DATA or message")
        if self.restart is not None and self.then != "crash":
            raise ValueError("'restart' goes with 'then: crash' only")
        if "pace" in self.model_fields_set and (self.then not in ("drip", "sip") or self.pace < MILLISECOND):
            raise ValueError("'pace' goes with 'then: drip' or sip, and is no less than 1ms")
        if self.answers and self.then in ("garble", "endless"):
            key = "reply" if self.raw is None else "raw"
            raise ValueError(f"'then: {self.then}' is an answer itself; leave '{key}' out")
        return self

    @model_validator(mode="after")
    def _at_one_moment(self) -> DialogueFault:
        if self.after is not None and (self.answers or self.then not in _IN_MID_MESSAGE):
            raise ValueError("'after' goes with what is no answer: close, reset, stall, deaf, sip or crash")
        if self.octet is not None and (
            self.on != "message"
            or self.after is not None
            or (self.then not in _IN_MID_MESSAGE if self.then else not self.answers)
        ):
            deeds = ", ".join(_IN_MID_MESSAGE)
            raise ValueError(f"'octet' goes with 'on: message', and with 'reply', 'raw' or one of {deeds}")
        return self

    @model_validator(mode="after")
    def _can_be_done_to_readers(self) -> DialogueFault:
        protocol = protocol_of(self.on)
        if protocol == "IMAP" and self.raw is not None:
            raise ValueError("'raw' is for SMTP and POP3; an IMAP server puts the tag before its 'reply'")
        if protocol and (self.as_ == "client" or self.then not in (None, *_TO_READERS) or self.after == "reply"):
            raise ValueError(f"{protocol} servers do one of {', '.join(_TO_READERS)}, after the command or the act")
        return self

    @model_validator(mode="after")
    def _can_be_done_by_a_client(self) -> DialogueFault:
        if self.as_ == "client" and (
            self.answers or self.delay is not None or self.then not in _OF_CLIENTS or self.after is not None
        ):
            raise ValueError(f"a client does one of {', '.join(_OF_CLIENTS)} when it has heard the reply")
        return self

    @property
    def answers(self) -> bool:
        """Whether it says something of its own."""
        return self.reply is not None or self.raw is not None

    @property
    def answer(self) -> bytes:
        """The octets it says of its own; none where it says nothing."""
        if self.raw is not None:
            return octets_of(self.raw)
        return self.reply.encode() + b"\r\n" if self.reply is not None else b""

    def only_says(self, reply: str) -> bool:
        """Whether a reply is all that comes of it, and it is this one."""
        return self.answer == reply.encode() + b"\r\n" and self.then is None and self.delay is None

    @property
    def futile(self) -> str:
        """Why nobody can tell that it struck, whatever happens; ``""`` where that depends."""
        at_the_end = self.on in _LAST_WORDS and (self.after == "reply" or self.as_ == "client")
        if at_the_end and self.then == "close":
            return f"after {self.on} the connection is closed anyway"
        return ""

    @property
    def code(self) -> str:
        """The code of its reply, that of the last line; ``""`` where it has none of its own."""
        return self.last_line[:3]

    @property
    def last_line(self) -> str:
        """The last line of its reply; ``""`` where it has none of its own."""
        return self.reply.split("\r\n")[-1] if self.reply is not None else ""

    @property
    def opens_session(self) -> bool:
        """Whether what it says in place of a greeting, or of the answer to EHLO or HELO, lets the client go on."""
        return self.answers and self.on in HELLOS | {"connect"} and self.answer[:1] not in (b"4", b"5")

    @property
    def moment(self) -> Literal["command", "act", "reply"]:
        """Before what has been done, when it is done, or when it is answered the deed comes."""
        return self.after or ("act" if self.on == "message" else "command")

    @property
    def pause(self) -> int:
        """Before an answer, or between two octets."""
        return max(self.delay or 0, self.pace if self.then in ("drip", "sip") else 0)

    @property
    def reads_partly(self) -> bool:
        """Whether a server reads only part of a message, so that its kernel takes in no more after a while."""
        return self.octet is not None or self.then in ("deaf", "sip")

    @property
    def how_often(self) -> int | str | None:
        """How often it happens, None for always."""
        return self.times

    def problems(self, names: Names) -> Found:
        """A host that does not say such things, or not because a fault wants it to."""
        if self.at in names.agents:
            unable = self.answers or self.delay is not None or self.after is not None
            if unable or self.then not in ("close", "reset", "stall"):
                yield ("at",), f"{self.at} is a user agent: it can close, reset or stall, and answers nobody"
        elif wrong := names.is_none(self.at, "relay" if self.as_ == "client" else "mail server"):
            yield ("at",), wrong
        host = names.hosts.get(self.at)
        if (
            host is not None
            and "mail server" in host.nouns
            and not (host.lmtp or host.is_program or self.as_ == "client")
        ):
            if self.on == "LHLO":
                yield ("on",), f"{self.at} speaks no LMTP; say 'lmtp: true' there"
            if self.on == "message" and self.recipient is not None:
                yield ("recipient",), f"{self.at} answers a message once for all; with 'lmtp: true', for each recipient"
        if names.is_program(self.at):
            yield from self._problems_at_program(names)

    def _problems_at_program(self, names: Names) -> Found:
        """What only the lab's own hosts do: something of ours stands in front of a program where it takes mail."""
        if self.as_ == "client" or self.at in names.agents:
            problem = f"{self.at} is a program, and does as a client what it does; put the fault at its peer ('at: …'),"
            yield ("as",), f"{problem} or on the wire between them ('between: […]')"
        elif protocol := protocol_of(self.on):
            problem = f"{self.at} is a program, and what a program answers by {protocol} cannot be staged; put the"
            yield ("on",), f"{problem} fault on the wire to it ('between: […]')"
        elif not mail_ports(names.hosts[self.at].ports):
            yield ("at",), f"{self.at} says of no port that it takes mail there; say 'listens: [25]' at the host"

    def describe(self) -> str:
        """One line in words."""
        at = f" past octet {self.octet} of a message" if self.octet is not None else f" at {self.on}"
        when = f" {_AFTER[self.after]}" if self.after else ""
        back = f" and is back after {format_duration(self.restart)}" if self.restart is not None else ""
        late = f" {format_duration(self.delay)} late" if self.delay is not None else ""
        said = repr(self.raw) if self.raw is not None else (self.reply or "").replace("\r\n", " / ")
        answered = self.on + (at if self.octet is not None else "")
        parts = [
            *([f"answers {answered}{late} with {said}"] if self.answers else []),
            *(
                [_ACTS[self.then].format(pace=format_duration(self.pace)) + ("" if said else late + at) + when + back]
                if self.then
                else []
            ),
        ] or [f"answers {answered}{late}"]
        who = f"{self.at} as client" if self.as_ == "client" else self.at
        whom = f" for {self.recipient}" if self.recipient else ""
        whose = f" for mail of {self.mail_from}" if self.mail_from else ""
        return f"{who} {' and '.join(parts)}{whom}{whose}{self.occasion()}"
