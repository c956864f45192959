"""What must hold when a scenario has ended; judged in :mod:`testbed.expect`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from testbed.protocols.status_pattern import STATUS
from testbed.scenario.base import Address, Limit, PeopleWait
from testbed.scenario.host_words import HANDSHAKES
from testbed.scenario.names import Names
from testbed.scenario.naming import (
    HostName,
    MailboxAddress,
    MailServerName,
    RecipientAddress,
    RelayName,
    SenderName,
    UserAgentName,
)
from testbed.scenario.next_hops import SMTP_PORT
from testbed.scenario.octets import Octets
from testbed.scenario.problems import Found
from testbed.scenario.program_hosts import Port
from testbed.scenario.programs import Exited, Running
from testbed.scenario.reply_expected import ReplyExpected
from testbed.scenario.reported import ReportedExpected
from testbed.scenario.tagged import Tagged, flatten

_STATUS = rf"^{STATUS}$"

Handshake = Literal["complete", "refused", "unanswered", "unreachable", "incomplete"]


class Delivered(Tagged):
    """Every matching message to an address lies in its mailbox, as often as said."""

    kind: Literal["delivered"] = Field(default="delivered", exclude=True)
    to: RecipientAddress = Field(description="The recipient.")
    copies: int = Field(default=1, strict=True, ge=0, description="How many copies of each message.")
    within: Limit | None = Field(default=None, description="At most this long after it was sent.")
    sender: Address | None = Field(default=None, alias="from", description="Only messages of this sender.")
    subject: str | None = Field(default=None, description="Only messages with this in their subject.")
    text: str | None = Field(default=None, description="What stands in each, decoded, as the last packets carry it.")
    attached: tuple[str, ...] = Field(
        default=(), description="The names of what is attached to each, all of them, in their order: one or a list."
    )

    @field_validator("attached", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]


class MailboxExpected(Tagged):
    """What lies in a mailbox when the scenario ends."""

    kind: Literal["mailbox"] = Field(default="mailbox", exclude=True)
    of: MailboxAddress = Field(description="Whose mailbox.")
    folder: str = Field(default="INBOX", description="Which folder of it (default: the inbox).")
    messages: int | None = Field(default=None, strict=True, ge=0, description="How many messages it holds.")
    body: Octets | None = Field(
        default=None,
        description="The octets behind the first empty line of each message put into it, exactly; as in 'octets'.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> MailboxExpected:
        if self.messages is None and self.body is None:
            raise ValueError("'mailbox' needs 'messages' or 'body'")
        return self

    def problems(self, names: Names) -> Found:
        """A folder that is not there."""
        yield from names.missing_folder(("folder",), self.of, self.folder)


class Queued(Tagged):
    """A relay's queue still holds mail when the scenario ends."""

    kind: Literal["queued"] = Field(default="queued", exclude=True)
    at: RelayName = Field(description="The relay.")
    to: Address | None = Field(default=None, description="Only this recipient.")
    count: int | None = Field(
        default=None, strict=True, ge=0, description="For how many recipients (default: at least one)."
    )


class Bounced(Tagged):
    """A delivery status notification has reached the sender."""

    kind: Literal["bounced"] = Field(default="bounced", exclude=True)
    to: RecipientAddress = Field(description="The sender of the original, who gets the notification.")
    status: str | None = Field(
        default=None, pattern=_STATUS, description="Its Status field (RFC 3463), or 5.1.*, or 5.*."
    )
    recipient: Address | None = Field(default=None, alias="for", description="The recipient who got nothing.")


class Notified(Tagged):
    """The sender of a message has been told of its fate in a delivery status notification (RFC 3464)."""

    kind: Literal["notified"] = Field(default="notified", exclude=True)
    to: RecipientAddress = Field(description="The sender of the original, who gets the notification.")
    action: Literal["failed", "delayed", "delivered", "relayed"] = Field(description="Its Action field.")
    recipient: Address | None = Field(default=None, alias="for", description="Whose mail it is about.")
    status: str | None = Field(
        default=None, pattern=_STATUS, description="Its Status field (RFC 3463), or 5.1.*, or 5.*."
    )
    envelope_id: str | None = Field(default=None, description="Its Original-Envelope-Id field.")
    original_recipient: Address | None = Field(default=None, description="Its Original-Recipient field.")
    count: int | None = Field(default=None, strict=True, ge=0, description="How often (default: at least once).")


class Tries(Tagged):
    """How often somebody tried to hand mail to a host; what counts as one, its kinds say."""

    to: MailServerName = Field(description="The host.")
    sender: SenderName | None = Field(default=None, alias="from", description="Only those of this host.")
    port: Port = Field(default=SMTP_PORT, description="The port (default: 25).")
    count: int | None = Field(default=None, strict=True, ge=0, description="Exactly this many.")
    at_least: int | None = Field(default=None, strict=True, ge=1, description="No fewer.")
    at_most: int | None = Field(default=None, strict=True, ge=0, description="No more.")

    @model_validator(mode="after")
    def _says_how_many(self) -> Tries:
        if self.count is None and self.at_least is None and self.at_most is None:
            raise ValueError("say how many, with 'count', 'at_least' or 'at_most'")
        return self


class Attempts(Tries):
    """How often a connection to a host's port 25, or another, was tried."""

    kind: Literal["attempts"] = Field(default="attempts", exclude=True)


class Transactions(Tries):
    """How often a mail transaction (RFC 5321 §3.3) was begun at a host: how many MAIL commands it was sent."""

    kind: Literal["transactions"] = Field(default="transactions", exclude=True)


class ConnectionExpected(Tagged):
    """How a connection between two hosts opened and ended."""

    kind: Literal["connection"] = Field(default="connection", exclude=True)
    sender: HostName = Field(alias="from", description="The client.")
    to: HostName = Field(description="The server.")
    port: int | None = Field(default=None, strict=True, ge=1, le=65535, description="Only connections to this port.")
    nth: int = Field(default=1, strict=True, ge=1, description="Which of them, counted from 1.")
    said: tuple[str, ...] | None = Field(
        default=None,
        description="What the client said, in order: the commands' names, and 'message' for mail data.",
        examples=[["EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT"]],
    )
    pipelined: bool | None = Field(
        default=None, strict=True, description="Whether commands were sent before the reply to the one before them."
    )
    handshake: Annotated[Handshake, HANDSHAKES] | None = Field(default=None, description="How it opened.")
    closure: str | None = Field(
        default=None,
        description="How it ended: normal, half, open, 'reset by …' or 'closed by …' client, server or a host.",
    )
    at_least: PeopleWait | None = Field(
        default=None, description="It lasted no less, from its first packet to its last."
    )
    at_most: Limit | None = Field(default=None, description="It lasted no longer.")

    @model_validator(mode="after")
    def _says_something(self) -> ConnectionExpected:
        said = (self.handshake, self.closure, self.at_least, self.at_most, self.pipelined, self.said)
        if all(one is None for one in said):
            raise ValueError("'connection' needs 'handshake', 'closure', 'at_least', 'at_most', 'pipelined' or 'said'")
        ends = ("client", "server", self.sender, self.to)
        words = {
            "normal",
            "half",
            "open",
            "reset",
            *(f"{verb} by {end}" for verb in ("reset", "closed") for end in ends),
        }
        if self.closure is not None and self.closure not in words:
            raise ValueError(f"unknown closure '{self.closure[:40]}'; write one of {', '.join(sorted(words))}")
        return self


class Fetched(Tagged):
    """A user agent has fetched messages, as the dialogue shows."""

    kind: Literal["fetched"] = Field(default="fetched", exclude=True)
    by: UserAgentName = Field(description="The user agent.")
    sender: MailServerName = Field(alias="from", description="The server.")
    messages: int | None = Field(
        default=None, strict=True, ge=0, description="How many, each time counted (default: at least one)."
    )
    via: Literal["pop3", "imap"] | None = Field(default=None, description="Only by this protocol.")


class AuthenticatedExpected(Tagged):
    """What a server's checks found of a message, as its log or its Authentication-Results has it."""

    kind: Literal["authenticated"] = Field(default="authenticated", exclude=True)
    to: RecipientAddress = Field(description="The recipient.")
    at: MailServerName | None = Field(default=None, description="Only by this server.")
    sender: str | None = Field(default=None, alias="from", description="Only messages of this sender; '' is nobody.")
    spf: Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"] | None = Field(
        default=None, description="What SPF found (RFC 7208 §2.6)."
    )
    dkim: Literal["pass", "fail", "neutral", "none", "temperror", "permerror"] | None = Field(
        default=None, description="What DKIM found; of several signatures, pass where one fits (RFC 8601 §2.7.1)."
    )
    dmarc: Literal["pass", "fail", "none", "temperror", "permerror"] | None = Field(
        default=None, description="What DMARC found (RFC 9989)."
    )
    arc: Literal["pass", "fail", "none", "temperror"] | None = Field(
        default=None, description="What ARC found (RFC 8617)."
    )
    ptr: Literal["pass", "fail", "temperror", "permerror"] | None = Field(
        default=None, description="Whether the client's name leads back to it (iprev, RFC 8601 §2.7.3)."
    )
    dnsbl: Literal["listed", "not listed", "refused", "broken", "temperror"] | None = Field(
        default=None, description="What the block lists said."
    )
    action: Literal["accept", "junk", "refuse", "later"] | None = Field(default=None, description="What came of it.")
    count: int | None = Field(default=None, strict=True, ge=0, description="How often (default: at least once).")

    @model_validator(mode="after")
    def _says_something(self) -> AuthenticatedExpected:
        if not self.results and self.action is None:
            raise ValueError("'authenticated' needs one of spf, dkim, dmarc, arc, ptr, dnsbl, action")
        return self

    @property
    def results(self) -> dict[str, str]:
        """The results expected, by the check."""
        checks = ("spf", "dkim", "dmarc", "arc", "ptr", "dnsbl")
        return {check: getattr(self, check) for check in checks if getattr(self, check) is not None}


Expectation = (
    Delivered
    | MailboxExpected
    | Queued
    | Bounced
    | Notified
    | Attempts
    | Transactions
    | ReplyExpected
    | ConnectionExpected
    | Fetched
    | AuthenticatedExpected
    | ReportedExpected
    | Exited
    | Running
)

EXPECTATIONS: dict[str, type[Tagged]] = {
    "delivered": Delivered,
    "mailbox": MailboxExpected,
    "queued": Queued,
    "bounced": Bounced,
    "notified": Notified,
    "attempts": Attempts,
    "transactions": Transactions,
    "reply": ReplyExpected,
    "connection": ConnectionExpected,
    "fetched": Fetched,
    "authenticated": AuthenticatedExpected,
    "reported": ReportedExpected,
    "exited": Exited,
    "running": Running,
}

AnyExpectation = Annotated[
    Annotated[Expectation, Field(discriminator="kind")],
    BeforeValidator(lambda value: flatten(value, EXPECTATIONS, "an expectation")),
]
