"""The hosts a scenario can name, one class per role."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from testbed.scenario.base import Address, Duration, HostName, Part, Size
from testbed.scenario.units import parse_duration


class MailboxSpec(Part):
    """A mailbox and its quota."""

    quota: Size | None = Field(default=None, description="How many octets it may hold; without it, any number.")
    filled: Size = Field(default=0, le=1_000_000_000, description="How many octets of old mail lie in it at the start.")


class HostSpec(Part):
    """What every host has."""

    role: str


class MailHostSpec(HostSpec):
    """What relay and receiver share: a domain, its MX preference, mailboxes."""

    domain: str = Field(default="", description="The mail domain served; the host's own name when unsaid.")
    mx: int = Field(
        default=10, strict=True, ge=0, le=65535, description="The preference of the domain's MX record for this host."
    )
    mailboxes: dict[str, MailboxSpec] = Field(
        default_factory=dict, description="The users of the domain: a list of names, or a mapping to quotas."
    )

    @field_validator("mailboxes", mode="before")
    @classmethod
    def _names_alone(cls, value: object) -> object:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            [(name, times)] = Counter(value).most_common(1) or [("", 0)]
            if times > 1:
                raise ValueError(f"the mailbox '{name[:40]}' is listed {times} times")
            return {name: {} for name in value}
        if isinstance(value, dict):
            return {name: {} if spec is None else spec for name, spec in value.items()}
        raise ValueError("'mailboxes' is a list of names, or a mapping of names to quotas")


class UserAgentSpec(HostSpec):
    """Somebody's mail program: submits messages to a relay."""

    role: Literal["user-agent"] = "user-agent"
    address: Address = Field(description="Whose mail program it is.")
    server: HostName = Field(description="The relay it submits to.")
    port: Literal[25, 587] = Field(default=587, description="The port it submits to.")


class RelaySpec(MailHostSpec):
    """A mail server with a queue: takes mail from user agents, delivers it, retries, bounces."""

    role: Literal["relay"] = "relay"
    retry: tuple[Duration, ...] = Field(
        default=tuple(parse_duration(text) for text in ("30m", "1h", "2h", "4h")),
        min_length=1,
        description="The time between attempts; the last repeats (RFC 5321 §4.5.4.1).",
    )
    give_up: Duration = Field(
        default=parse_duration("5d"), description="When a message still undelivered is given back to its sender."
    )

    @field_validator("retry", mode="before")
    @classmethod
    def _one_interval(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("retry")
    @classmethod
    def _not_at_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 1_000_000_000:
            raise ValueError("a relay that tries again within a second hammers its peers; write 1s or more")
        return value


class ReceiverSpec(MailHostSpec):
    """The mail server of a domain: takes mail for its own mailboxes and for nobody else."""

    role: Literal["receiver"] = "receiver"


class WebmailSpec(HostSpec):
    """A web mail: browsers read the mailboxes of a mail server on port 80, and send through a relay."""

    role: Literal["webmail"] = "webmail"
    server: HostName = Field(description="The mail server whose mailboxes it shows, through IMAP.")
    relay: HostName = Field(default="", description="The mail server it sends through; `server` when unsaid.")


class NameServerSpec(HostSpec):
    """The lab's name server: publishes every host's address and every mail domain's MX."""

    role: Literal["name-server"] = "name-server"


ROLES: dict[str, type[HostSpec]] = {
    "user-agent": UserAgentSpec,
    "relay": RelaySpec,
    "receiver": ReceiverSpec,
    "webmail": WebmailSpec,
    "name-server": NameServerSpec,
}


def _role(value: object) -> str | None:
    role = value.get("role") if isinstance(value, dict) else getattr(value, "role", None)
    return role if role is None or isinstance(role, str) else str(role)


AnyHost = Annotated[
    Annotated[UserAgentSpec, Tag("user-agent")]
    | Annotated[RelaySpec, Tag("relay")]
    | Annotated[ReceiverSpec, Tag("receiver")]
    | Annotated[WebmailSpec, Tag("webmail")]
    | Annotated[NameServerSpec, Tag("name-server")],
    Discriminator(_role),
]
