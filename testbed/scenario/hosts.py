"""The hosts a scenario can name, one class per role."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Discriminator, Field, Tag, field_validator

from testbed.durations import SECOND
from testbed.protocols.address import is_host_name
from testbed.scenario.base import Address, PeopleWait, Size
from testbed.scenario.checks import Checking
from testbed.scenario.client import ClientSpec
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.limits import RateLimit
from testbed.scenario.mailboxes import Mailboxes
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.names import HostTraits, Names
from testbed.scenario.naming import MailServerName
from testbed.scenario.next_hops import LMTP_PORT, SMTP_PORT, LmtpPort, Reuse, RouteSpec
from testbed.scenario.passing_on import PassingOn
from testbed.scenario.problems import Found, Path
from testbed.scenario.program_hosts import HEEDED
from testbed.scenario.security import Password
from testbed.scenario.towards_next_hops import TowardsNextHops
from testbed.scenario.transport import Published, asked_for
from testbed.scenario.units import parse_duration

Protocol = Literal["pop3", "imap"]
Extension = Literal["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING"]
ExtensionOnRequest = Literal["CHUNKING", "REQUIRETLS"]


class MailHostSpec(Checking):
    """What relay and receiver share: a domain, its MX preference, mailboxes."""

    nouns: ClassVar[tuple[str, ...]] = (*HostSpec.nouns, "mail server")
    domain: str = Field(default="", description="The mail domain served (default: the host's own name).")
    mx: int = Field(
        default=10, strict=True, ge=0, le=65535, description="The preference of the domain's MX record for this host."
    )
    mailboxes: Mailboxes = Field(
        default_factory=dict, description="The users of the domain: a list of names, or a mapping to quotas."
    )
    max_hops: int = Field(
        default=100, strict=True, ge=1, le=1000, description="How many Received fields make a loop (RFC 5321 §6.3)."
    )
    rate_limit: RateLimit | None = Field(
        default=None,
        description="How many messages it takes from one client in a period, and the reply to any more "
        "(default: 450 4.7.1).",
    )
    greylist: PeopleWait | None = Field(
        default=None,
        description="How long a client, sender, and recipient that it has not seen together get 450 4.7.1.",
    )

    max_message: Size = Field(
        default=52_428_800,
        ge=1,
        le=52_428_800,
        description="The largest message taken, announced as SIZE (RFC 1870; default: 50 MiB).",
        examples=["10 MB"],
    )
    max_recipients: int | None = Field(
        default=None, strict=True, ge=1, description="How many recipients a message may have (default: any number)."
    )
    without: tuple[Extension, ...] = Field(
        default=(), description="Extensions it does not offer (default: all but CHUNKING and REQUIRETLS are offered)."
    )
    with_: tuple[ExtensionOnRequest, ...] = Field(
        default=(),
        alias="with",
        description="Extensions it also offers: CHUNKING (RFC 3030), REQUIRETLS (RFC 8689).",
    )

    serves: tuple[Protocol, ...] | None = Field(
        default=None, description="How mailboxes can be read: pop3, imap (default: what the steps need)."
    )

    starttls: bool = Field(
        default=False,
        strict=True,
        description="Whether it has a certificate and offers STARTTLS; a relay then also has port 465 (RFC 8314).",
    )

    @property
    def traits(self) -> HostTraits:
        """Its mailboxes too, and whether it has TLS."""
        boxes = self.mailboxes.items()
        return replace(
            super().traits,
            tls=self.starttls,
            zones=(self.domain,),
            mailboxes={f"{user}@{self.domain}": box.all_folders for user, box in boxes},
            aliases=tuple(f"{alias}@{self.domain}" for _, box in boxes for alias in box.aliases),
        )

    @property
    def domains(self) -> tuple[str, ...]:
        """Its domain too."""
        return (self.domain, *super().domains)

    def problems(self, names: Names) -> Found:
        """A domain or users whose names cannot be, and names that are given twice."""
        if not is_host_name(self.domain):
            yield ("domain",), f"'{self.domain[:60]}' is not a domain name"
        given = Counter(name for user, box in self.mailboxes.items() for name in (user, *box.aliases))
        for user, box in self.mailboxes.items():
            path: Path = ("mailboxes", user)
            twice = [alias for alias in box.aliases if given[alias] > 1]
            if twice:
                yield path, f"the name '{twice[0][:40]}' is given to two mailboxes"
            if not user or any(c in user for c in "@<> /\\") or not user.isprintable():
                yield path, f"'{user[:40]}' is not the local part of an address"
        yield from super().problems(names)


class UserAgentSpec(HostSpec):
    """Somebody's mail program: submits messages to a mail server, and reads its owner's mail."""

    nouns: ClassVar[tuple[str, ...]] = (*HostSpec.nouns, "user agent")
    heeded: ClassVar[frozenset[str]] = HEEDED | {"tls"}
    role: Literal["user-agent"] = "user-agent"
    address: Address = Field(description="Whose mail program it is.")
    server: MailServerName | None = Field(
        default=None, description="The mail server it submits to (default: none, it only reads)."
    )
    port: Literal[25, 465, 587] = Field(
        default=587, description="The port it submits to; on 465 TLS begins with the first octet."
    )
    tls: Literal["none", "starttls"] = Field(
        default="none", description="Whether it insists on STARTTLS and a good certificate; on 465 it always does."
    )
    password: Password | None = Field(default=None, description="What it logs in with, as the user 'address'.")
    retry: PeopleWait | None = Field(
        default=None, description="When it submits again what was refused for now (default: never)."
    )

    @property
    def traits(self) -> HostTraits:
        """Its owner too, and with whom it begins TLS."""
        starts_tls = self.tls == "starttls" and self.port != 465
        return replace(
            super().traits,
            owner=self.address,
            submits=self.server is not None,
            starts_tls_with=(self.server or "") if starts_tls else "",
        )

    def problems(self, names: Names) -> Found:
        """A port that its server does not have."""
        yield from super().problems(names)
        server = names.hosts.get(self.server or "")
        if server is None:
            return
        if self.port == 465 and server.role == "relay" and not server.tls:
            yield ("port",), f"{self.server} has no port 465; give it 'starttls: true'"
        if self.port != 25 and server.role == "receiver":
            problem = f"{self.server} takes mail on port 25 only; say 'port: 25' to deliver to it directly"
            yield ("port" if "port" in self.model_fields_set else "server",), problem
        if server.is_program and self.port not in server.ports:
            at = ", ".join(map(str, server.ports)) or "none"
            problem = f"{self.server} does not say that it listens on port {self.port} (but on {at})"
            yield ("port",), f"{problem}; say 'listens: [{self.port}]' there, or another port here"


class RelaySpec(PassingOn, TowardsNextHops, MailHostSpec):
    """A mail server with a queue: takes mail from user agents, delivers it, retries, bounces."""

    nouns: ClassVar[tuple[str, ...]] = (*MailHostSpec.nouns, "relay")
    role: Literal["relay"] = "relay"
    retry: tuple[PeopleWait, ...] = Field(
        default=tuple(parse_duration(text) for text in ("30m", "1h", "2h", "4h")),
        min_length=1,
        description="The time between attempts; the last repeats (RFC 5321 §4.5.4.1).",
    )
    give_up: PeopleWait = Field(
        default=parse_duration("5d"), description="When an undelivered message is returned to its sender."
    )
    warn_after: PeopleWait | None = Field(
        default=None,
        description="The age at which the sender is notified that a message is delayed "
        "(default: only senders who ask for it, after four hours).",
    )
    pipelining: bool | None = Field(
        default=None,
        strict=True,
        description="Whether it sends several commands at once where it may (RFC 2920); "
        "by default, for more than one recipient.",
    )

    routes: dict[str, RouteSpec] = Field(
        default_factory=dict,
        description="Domains whose mail goes to a host named here, by SMTP or LMTP, whatever MX records say; "
        "'*' stands for all others.",
        examples=[{"someschool.edu": {"lmtp": "someschool.edu"}}],
    )
    reuse_connections: Reuse | None = Field(
        default=None,
        description="How long a connection to a next hop is kept open for its next message "
        "(default: each message has its own).",
    )

    auth_in_clear: bool = Field(
        default=False, strict=True, description="Whether users may log in without TLS, which nobody should offer."
    )

    @field_validator("retry", mode="before")
    @classmethod
    def _one_interval(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]

    @field_validator("retry")
    @classmethod
    def _not_at_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < SECOND:
            raise ValueError("a relay that tries again within a second hammers its peers; write 1s or more")
        return value

    @property
    def domains(self) -> tuple[str, ...]:
        """Where its key is published, too."""
        keys = () if self.dkim is None or self.is_program else (self.dkim.place(self.domain),)
        return (*super().domains, *keys)

    @property
    def traits(self) -> HostTraits:
        """Whether it begins TLS with others too."""
        starts_tls = any(policy != "none" for policy in self.tls.values())
        return replace(super().traits, starts_tls_with="*" if starts_tls else "")

    def problems(self, names: Names) -> Found:
        """Rules, which only receivers have, and what is wrong with what it passes on."""
        yield from super().problems(names)
        if self.reports is not None and self.obeys and self.dkim is None:
            yield ("reports",), "TLS reports have to be signed (RFC 8460 §3); add 'dkim: {}'"
        for user, box in self.mailboxes.items():
            for place, _ in enumerate(box.rules):
                problem = f"rules are for the mailboxes of receivers, and {self.name} is a {self.role}"
                yield ("mailboxes", user, "rules", place), problem
        yield from self.problems_of_passing_on(self.domain, frozenset(self.mailboxes), names)
        for domain, route in self.routes.items():
            for path, problem in route.problems(names):
                yield ("routes", domain, *path), problem


class ReceiverSpec(MailHostSpec, Published):
    """The mail server of a domain: takes mail for its own mailboxes and for nobody else."""

    role: Literal["receiver"] = "receiver"
    heeded: ClassVar[frozenset[str]] = HEEDED | {"dane", "tls_reports"}
    smtp: bool = Field(default=True, strict=True, description="Whether it takes mail by SMTP, on port 25.")
    lmtp: LmtpPort | None = Field(
        default=None, description="The port on which it takes mail by LMTP (RFC 2033); true for 24."
    )

    @property
    def domains(self) -> tuple[str, ...]:
        """Its domain, and where it says how mail travels there."""
        return (*super().domains, *asked_for(self.name, self.domain))

    @property
    def traits(self) -> HostTraits:
        """Whether it speaks LMTP, and where."""
        traits = replace(super().traits, policy=self.domain.lower() if self.mta_sts else "")
        if self.is_program:
            return traits
        ports = {SMTP_PORT: self.smtp, self.lmtp or LMTP_PORT: self.lmtp is not None}
        return replace(traits, lmtp=self.lmtp is not None, ports=tuple(port for port, taken in ports.items() if taken))

    def problems(self, names: Names) -> Found:
        """Those of its mailboxes and of what it publishes too, and that nobody can bring it mail."""
        yield from super().problems(names)
        yield from self.transport_problems(self.starttls)
        if not self.smtp and self.lmtp is None:
            yield ("smtp",), f"{self.name} takes no mail at all; add 'lmtp: {LMTP_PORT}'"
        for user, box in self.mailboxes.items():
            for path, problem in box.problems(names):
                yield ("mailboxes", user, *path), problem


class WebmailSpec(HostSpec):
    """A web mail: browsers read the mailboxes of a mail server on port 80, and send through a relay.

    Where the mail server has a certificate, the web mail has one too, and port 443.
    """

    role: Literal["webmail"] = "webmail"
    server: MailServerName = Field(description="The mail server whose mailboxes it shows, through IMAP.")
    relay: MailServerName = Field(default="", description="The mail server it sends through (default: `server`).")


ROLES: dict[str, type[HostSpec]] = {
    "user-agent": UserAgentSpec,
    "relay": RelaySpec,
    "receiver": ReceiverSpec,
    "webmail": WebmailSpec,
    "client": ClientSpec,
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
    | Annotated[ClientSpec, Tag("client")]
    | Annotated[NameServerSpec, Tag("name-server")],
    Discriminator(_role),
]
