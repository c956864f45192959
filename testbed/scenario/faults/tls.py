"""What goes wrong with TLS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from testbed.scenario.faults.times import HOW_OFTEN, Times
from testbed.scenario.faults.when import When
from testbed.scenario.glossary import Glossary
from testbed.scenario.names import Names
from testbed.scenario.naming import MailServerName
from testbed.scenario.problems import Found

TlsService = Literal["smtp", "pop3", "imap"]
TlsFlaw = Literal["expired", "wrong-name", "self-signed", "handshake-failure", "stalled", "stripped", "injected"]

_WORDS = {
    "expired": "shows a certificate that has expired",
    "wrong-name": "shows a certificate for another name",
    "self-signed": "shows a certificate it has signed itself",
    "handshake-failure": "has no cipher in common with its clients",
    "stalled": "falls silent in the TLS handshake",
    "stripped": "seems not to offer STARTTLS: an attacker on the way removes it",
    "injected": "gets commands in clear after STARTTLS, injected by an attacker on the way",
}


class TlsFault(When):
    """What goes wrong with the TLS of a server, on all of its connections or on some.

    A refusal is a fault of the dialogue: ``{at: …, on: STARTTLS, reply: 454 4.7.0 …}``.
    """

    tls: MailServerName = Field(description="The server; it has 'starttls: true'.")
    is_: Annotated[TlsFlaw, Glossary(_WORDS)] = Field(alias="is", description="What is wrong.")
    service: TlsService | None = Field(
        default=None, description="Only of its SMTP, POP3 or IMAP (default: any of them)."
    )
    times: Times | None = Field(default=None, description=f"{HOW_OFTEN} It counts connections.")

    @model_validator(mode="after")
    def _counted_at_the_server(self) -> TlsFault:
        if self.is_ == "injected" and self.connection is not None:
            raise ValueError("'injected' happens at the client; say which with 'nth' and 'times', not 'connection'")
        return self

    @model_validator(mode="after")
    def _of_smtp_alone(self) -> TlsFault:
        if self.is_ in ("stripped", "injected") and self.service in ("pop3", "imap"):
            raise ValueError(f"'{self.is_}' is about SMTP; leave out 'service'")
        return self

    @property
    def how_often(self) -> int | str | None:
        """On how many connections it happens, None for all."""
        return self.times

    def problems(self, names: Names) -> Found:
        """A server without TLS, or with its own; nobody whose STARTTLS more could be put behind."""
        server = names.hosts.get(self.tls)
        if server is not None and "mail server" in server.nouns and not server.tls:
            yield ("tls",), f"{self.tls} has no TLS; give the host 'starttls: true'"
        if names.is_program(self.tls) and self.service in ("pop3", "imap"):
            problem = f"{self.tls} is a program, and makes its TLS for {self.service.upper()} itself"
            yield ("service",), f"{problem}; give it the wrong certificate in its 'files'"
        if self.is_ == "injected" and not any(
            not host.is_program and host.starts_tls_with in ("*", self.tls)
            for name, host in names.hosts.items()
            if name != self.tls
        ):
            problem = f"no client of the lab's own, which is where this is staged, begins TLS with {self.tls}"
            yield ("is",), f"{problem}; say 'tls: opportunistic' of a relay that is not a program"

    def describe(self) -> str:
        """One line in words."""
        service = f" by {self.service.upper()}" if self.service is not None else ""
        return f"{self.tls} {_WORDS[self.is_]}{service}{self.occasion()}"
