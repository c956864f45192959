"""How a relay gets to its next hops: by another route than DNS gives, and over connections it has already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.durations import MILLISECOND
from testbed.scenario.base import Part, PeopleWait
from testbed.scenario.names import Names
from testbed.scenario.naming import MailServerName, wrong_names
from testbed.scenario.problems import Found
from testbed.scenario.program_hosts import Port
from testbed.scenario.security import EVERY_DOMAIN

SMTP_PORT, LMTP_PORT = 25, 24
_TAKEN = {25: "SMTP", 110: "POP3", 143: "IMAP", 993: "IMAP", 995: "POP3"}


def _lmtp_port(value: object) -> object:
    return LMTP_PORT if value is True else value


def _free(port: int) -> int:
    if port in _TAKEN:
        raise ValueError(f"port {port} is that of {_TAKEN[port]}; LMTP has 24, or another of its own (RFC 2033 §5)")
    return port


LmtpPort = Annotated[
    Port, BeforeValidator(_lmtp_port, json_schema_input_type=Literal[True] | Port), AfterValidator(_free)
]
"""Where LMTP is spoken: never on SMTP's port (RFC 2033 §5)."""


class RouteSpec(Part):
    """The host to which a domain's mail goes, whatever MX records say, and the protocol by which."""

    smtp: MailServerName | None = Field(default=None, description="By SMTP to this host.")
    lmtp: MailServerName | None = Field(default=None, description="By LMTP (RFC 2033) to this host.")
    port: Port | None = Field(default=None, description="The port; by default, 25 for SMTP and 24 for LMTP.")

    @model_validator(mode="after")
    def _leads_to_one_host(self) -> RouteSpec:
        if (self.smtp is None) == (self.lmtp is None):
            raise ValueError("a route is 'smtp' or 'lmtp' with the host it leads to; write e.g. {lmtp: someschool.edu}")
        return self

    @property
    def host(self) -> str:
        """Where it leads."""
        return self.lmtp or self.smtp or ""

    @property
    def by_lmtp(self) -> bool:
        """Whether LMTP is spoken there."""
        return self.lmtp is not None

    @property
    def port_there(self) -> int:
        """The port."""
        return self.port or (LMTP_PORT if self.by_lmtp else SMTP_PORT)

    def problems(self, names: Names) -> Found:
        """A host that is not there, or that takes no mail at that port."""
        yield from wrong_names(self, names)
        server = names.hosts.get(self.host)
        if server is not None and "mail server" in server.nouns and self.port_there not in server.ports:
            at = ", ".join(map(str, server.ports)) or "none"
            problem = f"{self.host} takes no mail at port {self.port_there} (but at {at})"
            remedy = f"'listens: [{self.port_there}]'" if server.is_program else f"'lmtp: {self.port_there}'"
            yield (), f"{problem}; say {remedy} there, or another 'port' here"


def route_for(routes: Mapping[str, RouteSpec], domain: str) -> RouteSpec | None:
    """The route of a domain, None where DNS tells it.  ``*`` stands for all others."""
    return routes.get(domain, routes.get(EVERY_DOMAIN))


class ReuseSpec(Part):
    """Connections to next hops that are kept open for the next message."""

    idle: PeopleWait = Field(
        ge=MILLISECOND, description="How long one is kept while there is nothing to send.", examples=["30s"]
    )
    messages: int | None = Field(
        default=None, strict=True, ge=1, description="How many messages one takes (default: any number)."
    )


def _idle_alone(value: object) -> object:
    return value if isinstance(value, dict | ReuseSpec) else {"idle": value}


Reuse = Annotated[ReuseSpec, BeforeValidator(_idle_alone, json_schema_input_type=PeopleWait | ReuseSpec)]
