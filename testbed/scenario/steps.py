"""What happens in a scenario, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from testbed.durations import SECOND, format_duration
from testbed.protocols.address import domain_of
from testbed.scenario.attachments import Attachment
from testbed.scenario.base import Address, FieldName, PeopleWait, Size
from testbed.scenario.errands import Word, cannot_be_asked
from testbed.scenario.names import Names
from testbed.scenario.naming import MailboxAddress, UserAgentName
from testbed.scenario.problems import Found, did_you_mean
from testbed.scenario.programs import RunStep
from testbed.scenario.tagged import Tagged, flatten
from testbed.scenario.talk import TalkStep

_WORD = r"^[\x21-\x7e]+$"
_COMPOSED = ("to", "subject", "date", "message-id", "mime-version")
FieldText = Annotated[str, Field(pattern=r"^[ -~]+$", max_length=900)]
ReadingSecurity = Literal["none", "starttls", "implicit"]
"""``starttls`` is STLS or STARTTLS on the port for clear text; ``implicit`` TLS from the first octet."""
Notice = Literal["never", "success", "failure", "delay"]


class SendStep(Tagged):
    """A user agent composes a message and submits it."""

    kind: Literal["send"] = Field(default="send", exclude=True)
    sender: Address = Field(default="", alias="from", description="Who sends (default: the one user agent's owner).")
    recipients: tuple[Address, ...] = Field(alias="to", min_length=1, description="One address or a list.")
    subject: str = Field(
        default="Hello", description="The subject.", pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=900
    )
    body: str = Field(default="Hello from the lab.", description="The text.")
    size: Size | None = Field(default=None, le=50_000_000, description="Pads the text to about this many octets.")
    attach: tuple[Attachment, ...] = Field(
        default=(), max_length=100, description="Files that go with it: one or a list."
    )
    bcc: tuple[Address, ...] = Field(default=(), description="Recipients the header does not name: one or a list.")
    notify: tuple[Notice, ...] = Field(
        default=(), description="What the sender wants to be notified of (RFC 3461 §4.1): one word or a list."
    )
    envelope_id: str = Field(
        default="",
        description="The sender's own name for this message, given back in notifications.",
        pattern=r"^[ -~]*$",
        max_length=30,
    )
    returned: Literal["full", "headers"] | None = Field(
        default=None, description="How much of it comes back when it fails (RFC 3461 §4.3)."
    )
    tls: Literal["required", "optional"] | None = Field(
        default=None,
        description="Whether it may go through TLS only, all the way (REQUIRETLS), or rather in clear than not at all "
        "(TLS-Required: No), whatever its recipients' domains say (RFC 8689).",
    )
    headers: dict[FieldName, FieldText] = Field(
        default_factory=dict,
        max_length=50,
        description="Additional header fields, or From instead of the sender's address.",
        examples=[{"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}],
    )
    via: UserAgentName | None = Field(default=None, description="The user agent, where several have this sender.")
    retry: PeopleWait | None = Field(
        default=None, description="How long the user agent waits before it tries again (default: it does not)."
    )

    @field_validator("retry")
    @classmethod
    def _not_at_once(cls, value: int | None) -> int | None:
        if value is not None and value < SECOND:
            raise ValueError("a user agent that tries again within a second hammers its server; write 1s or more")
        return value

    @field_validator("recipients", "bcc", "notify", "attach", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("headers")
    @classmethod
    def _says_what_nothing_else_does(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name.lower() in _COMPOSED or name.lower().startswith("content-"):
                raise ValueError(f"the user agent writes {name} itself, from what else the step says")
        return value

    @field_validator("notify")
    @classmethod
    def _never_stands_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "never" in value and len(value) > 1:
            raise ValueError("'never' stands alone: a sender who wants to hear of nothing wants nothing else")
        return value

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains of its recipients."""
        return tuple(domain_of(to) for to in self.recipients)

    def problems(self, names: Names) -> Found:
        """Nobody who sends it, or somebody who sends when he likes."""
        owners = [agent.owner for agent in names.agents.values() if agent.submits]
        if self.via is not None:
            if self.via in names.agents and not names.agents[self.via].submits:
                yield ("via",), f"{self.via} only reads; say with 'server' where it submits mail"
        elif not self.sender:
            yield (), f"say 'from': the lab has {len(names.agents)} user agents"
        elif self.sender not in owners:
            yield ("from",), f"no user agent belongs to {self.sender}{did_you_mean(self.sender, owners)}"
        agent = self.via or names.agent_of(self.sender)
        if names.is_program(agent):
            yield from cannot_be_asked(agent, names.hosts[agent].ready_made, "send", self._words)

    @property
    def _words(self) -> Iterator[Word]:
        """What not every program that sends mail can express."""
        for key in ("notify", "envelope_id", "returned", "retry", "tls"):
            if getattr(self, key):
                yield Word(key, key, (key,))
        for key, addresses in (("from", (self.sender,)), ("to", self.recipients), ("bcc", self.bcc)):
            yield from (Word("smtputf8", f"{key}: {one}", (key,)) for one in addresses if not one.isascii())

    def describe(self) -> str:
        """One line in words."""
        return f"{self.sender} sends '{self.subject}' to {', '.join((*self.recipients, *self.bcc))}"


class WaitStep(Tagged):
    """Scenario time passes; it costs next to no real time."""

    shorthand: ClassVar[str] = "duration"
    kind: Literal["wait"] = Field(default="wait", exclude=True)
    duration: PeopleWait

    def describe(self) -> str:
        """One line in words."""
        return f"{format_duration(self.duration)} pass"


class EmptyStep(Tagged):
    """Somebody deletes every message in a mailbox."""

    shorthand: ClassVar[str] = "mailbox"
    kind: Literal["empty"] = Field(default="empty", exclude=True)
    mailbox: MailboxAddress

    def problems(self, names: Names) -> Found:
        """A mailbox that is a program's own."""
        host = names.mailboxes.get(self.mailbox, "")
        if names.is_program(host):
            yield (), f"{host} is a program; only it, or a 'run' step, can empty its mailboxes"

    def describe(self) -> str:
        """One line in words."""
        return f"the mailbox of {self.mailbox} is emptied"


class ReadStep(Tagged):
    """A user agent reads its owner's mail.

    With IMAP: what is appended comes first, then every message found is fetched, and copied, moved or deleted.
    """

    kind: Literal["read"] = Field(default="read", exclude=True)
    mailbox: MailboxAddress = Field(description="Whose mail.")
    via: Literal["pop3", "imap", "web"] = Field(
        default="pop3", description="The protocol, or 'web' for a browser at a web mail (default: pop3)."
    )
    by: UserAgentName | None = Field(default=None, description="The user agent (default: the owner's).")
    user: str | None = Field(
        default=None, pattern=_WORD, max_length=100, description="The name to log in with (default: the mailbox's)."
    )
    password: str | None = Field(
        default=None, pattern=_WORD, max_length=100, description="What is given as password (default: the right one)."
    )
    tls: ReadingSecurity = Field(
        default="none",
        description="Whether it insists on TLS and a good certificate: 'starttls' (STLS with POP3) or 'implicit'.",
    )
    delete: bool = Field(default=False, strict=True, description="Delete what was fetched.")
    quit: bool = Field(default=True, strict=True, description="Say goodbye; 'false' cuts the connection instead.")
    stay: PeopleWait | None = Field(
        default=None, description="Stay logged in this long while the scenario goes on; with IMAP, in IDLE."
    )
    folder: str | None = Field(default=None, description="IMAP: the folder to open (default: the inbox).")
    search: str | None = Field(
        default=None,
        pattern=r"^[\x20-\x7e]+$",
        max_length=200,
        description="IMAP: only messages with this in their subject.",
    )
    move: str | None = Field(default=None, description="IMAP: the folder to move what was fetched to.")
    copy_to: str | None = Field(default=None, alias="copy", description="IMAP: the folder to copy what was fetched to.")
    append: Size | None = Field(
        default=None, le=50_000_000, description="IMAP: first put a draft of about this many octets into the folder."
    )

    @model_validator(mode="after")
    def _can_be_done(self) -> ReadStep:
        only = {"folder": self.folder, "search": self.search, "move": self.move, "copy": self.copy_to}
        needed = next((key for key, value in {**only, "append": self.append}.items() if value is not None), None)
        if self.via == "web" and self.tls == "starttls":
            raise ValueError("HTTP has no STARTTLS; say 'tls: implicit' for HTTPS")
        if self.via == "web" and (needed or self.delete or self.stay is not None or not self.quit):
            raise ValueError("'via: web' reads the newest message; 'by', 'user', 'password' and 'tls' are all it takes")
        if self.via == "pop3" and needed is not None:
            raise ValueError(f"'{needed}' needs 'via: imap'; POP3 knows one folder, and cannot search or file")
        if self.move is not None and self.delete:
            raise ValueError("a message that is moved is not deleted; leave out 'move' or 'delete'")
        if self.stay is not None and not self.quit:
            raise ValueError("'stay' ends with a goodbye; leave out 'stay' or 'quit: false'")
        return self

    @property
    def login(self) -> str:
        """The name to log in with."""
        return self.user or self.mailbox

    def problems(self, names: Names) -> Found:
        """What its mailbox does not have, or somebody who reads when he likes."""
        server = names.mailboxes.get(self.mailbox)
        if self.tls != "none" and server is not None and not names.hosts[server].tls:
            yield ("tls",), f"{server} has no TLS; give the host 'starttls: true'"
        for key, folder in (("folder", self.folder), ("move", self.move), ("copy", self.copy_to)):
            if folder is not None:
                yield from names.missing_folder((key,), self.mailbox, folder)
        agent = self.by or names.agent_of(self.mailbox)
        if names.is_program(agent):
            yield from cannot_be_asked(agent, names.hosts[agent].ready_made, "read", self._words)

    @property
    def _words(self) -> Iterator[Word]:
        """What not every program that reads mail can express."""
        yield Word(self.via, f"via: {self.via}", ("via",))
        if self.tls != "none":
            yield Word(self.tls, f"tls: {self.tls}", ("tls",))
        if not self.quit:
            yield Word("quit", "quit: false", ("quit",))
        for key in ("delete", "stay", "folder", "search", "move", "copy_to", "append"):
            if getattr(self, key) not in (None, False):
                word = key.removesuffix("_to")
                yield Word(word, word, (word,))

    def describe(self) -> str:
        """One line in words."""
        return f"{self.mailbox} is read by {self.via.upper()}"


Step = SendStep | WaitStep | EmptyStep | TalkStep | ReadStep | RunStep

STEPS: dict[str, type[Tagged]] = {
    "send": SendStep,
    "wait": WaitStep,
    "empty": EmptyStep,
    "talk": TalkStep,
    "read": ReadStep,
    "run": RunStep,
}

AnyStep = Annotated[
    Annotated[Step, Field(discriminator="kind")],
    BeforeValidator(lambda value: flatten(value, STEPS, "a step")),
]
