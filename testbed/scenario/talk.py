"""The step that speaks raw octets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from testbed.scenario.base import Duration, Part
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName, MailServerName
from testbed.scenario.octets import Octets, are_octets, octets_of
from testbed.scenario.problems import Found, Path
from testbed.scenario.tagged import Tagged
from testbed.scenario.talk_replies import wrong_reply
from testbed.scenario.units import parse_duration

MAX_TALK_OCTETS = 50_000_000
Service = Literal["smtp", "submission", "lmtp", "pop3", "imap", "managesieve"]
PORTS: dict[str, tuple[int, int]] = {
    "smtp": (25, 465),
    "submission": (587, 465),
    "lmtp": (24, 0),
    "pop3": (110, 995),
    "imap": (143, 993),
    "managesieve": (4190, 0),
}
"""Where each service is: in clear, and with TLS from the first octet (RFC 8314 §3), 0 where it has no such port."""


def _is_line(value: object) -> object:
    if isinstance(value, str) and ("\r" in value or "\n" in value):
        raise ValueError("a line is sent with one CRLF behind it; write 'octets' for other line ends")
    return are_octets(value)


Line = Annotated[str, BeforeValidator(_is_line), Field(description="Sent with CRLF; then its reply is awaited.")]


def _one_or_many(value: object) -> object:
    return [str(one) if _is_number(one) else one for one in (value if isinstance(value, list | tuple) else [value])]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Replies = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=str | int | list[str | int]),
    Field(
        description="The reply expected: 250, 452 4.2.2, 5.. for any of them; +OK, -ERR [IN-USE]; OK, NO, BAD; + where "
        "the client is to go on. For a message by LMTP one for each recipient."
    ),
]
Texts = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_one_or_many, json_schema_input_type=str | float | list[str | float]),
    Field(description="What stands in a line of the answer, each in one; * stands for anything within a line."),
]


class LineSaid(Part):
    """A line, and the answer that is expected to it."""

    words: Line = Field(alias="line")
    reply: Replies = ()
    text: Texts = ()


class OctetsSaid(Part):
    """Octets are sent as they are, and no reply is awaited."""

    octets: Octets = Field(min_length=1, description="The octets: <CRLF>, <CR>, <LF>, <NUL>, or an octet a character.")
    times: int = Field(default=1, strict=True, ge=1, le=MAX_TALK_OCTETS, description="How often, without a break.")

    @property
    def content(self) -> bytes:
        """What is sent."""
        return octets_of(self.octets) * self.times


class Silence(Part):
    """The client says nothing for a while."""

    wait: Duration = Field(description="For how long.")
    text: Texts = ()


class TlsBegun(Part):
    """TLS begins; whatever certificate the server shows is taken."""

    tls: Literal["begin"] = Field(description="The handshake, once the server has agreed to STARTTLS or STLS.")


class Ending(Part):
    """The client ends the connection, or its half of it."""

    then: Literal["close", "half-close", "reset"] = Field(
        description="FIN, FIN and go on to listen until the server closes too, or RST."
    )


SAYINGS: dict[str, type[Part]] = {
    "line": LineSaid,
    "octets": OctetsSaid,
    "wait": Silence,
    "tls": TlsBegun,
    "then": Ending,
}
_NOUN = "a line, a list said in one breath, or one of 'line', 'octets', 'wait', 'tls' and 'then'"


def _form(value: object) -> str | None:
    if isinstance(value, str):
        return "bare"
    if isinstance(value, list | tuple):
        return "breath"
    if isinstance(value, dict):
        return next((key for key in SAYINGS if key in value), None)
    return next((key for key, kind in SAYINGS.items() if isinstance(value, kind)), None)


Breath = Annotated[
    Annotated[Line, Tag("bare")] | Annotated[LineSaid, Tag("line")] | Annotated[OctetsSaid, Tag("octets")],
    Discriminator(_form, custom_error_type="no_breath", custom_error_message="in one breath come lines and 'octets'"),
]
Saying = Annotated[
    Annotated[Line, Tag("bare")]
    | Annotated[LineSaid, Tag("line")]
    | Annotated[tuple[Breath, ...], Field(min_length=1), Tag("breath")]
    | Annotated[OctetsSaid, Tag("octets")]
    | Annotated[Silence, Tag("wait")]
    | Annotated[TlsBegun, Tag("tls")]
    | Annotated[Ending, Tag("then")],
    Discriminator(_form, custom_error_type="no_saying", custom_error_message=f"what is said is {_NOUN}"),
]


class TalkStep(Tagged):
    """A client says to a mail server exactly what is written here, over one connection."""

    kind: Literal["talk"] = Field(default="talk", exclude=True)
    sender: HostName = Field(
        default="", alias="from", description="The host that talks (default: the one user agent's)."
    )
    to: MailServerName = Field(description="The mail server.")
    service: Service = Field(
        default="smtp", description="What it speaks; by default, what is spoken on the port, or else SMTP."
    )
    port: int = Field(
        default=25, strict=True, ge=1, le=65535, description="The port; by default, the one of the service."
    )
    tls: Literal["none", "implicit"] = Field(
        default="none", description="'implicit': TLS from the first octet, whatever certificate the server shows."
    )
    greeting: Replies = ()
    timeout: Duration = Field(default=parse_duration("10m"), description="How long a reply is awaited.")
    say: tuple[Saying, ...] = Field(min_length=1, description="What the client says, once it has been greeted.")

    @model_validator(mode="before")
    @classmethod
    def _service_or_port(cls, value: object) -> object:
        """Each tells the other."""
        if not isinstance(value, dict):
            return value
        spoken = {port: name for name, ports in reversed(PORTS.items()) for port in ports if port}
        service = value.get("service", spoken.get(value["port"], "smtp") if _is_number(value.get("port")) else "smtp")
        if not isinstance(service, str) or service not in PORTS:
            return value
        port = PORTS[service][value.get("tls") == "implicit"]
        if not port and "port" not in value:
            raise PydanticCustomError("no_port", f"{service} has no port of its own for TLS; say 'port'")
        return {"service": service, "port": port, **value}

    @model_validator(mode="after")
    def _is_bounded(self) -> TalkStep:
        said = sum(
            len(one.octets) * one.times
            for saying in self.say
            for one in (saying if isinstance(saying, tuple) else (saying,))
            if isinstance(one, OctetsSaid)
        )
        if said > MAX_TALK_OCTETS:
            raise PydanticCustomError("too_much", f"'say' is longer than {MAX_TALK_OCTETS:,} octets")
        ends = [number for number, saying in enumerate(self.say) if isinstance(saying, Ending)]
        if ends and ends[0] != len(self.say) - 1:
            raise PydanticCustomError("said_after_end", "nothing can be said behind 'then'; it ends the talk")
        return self

    def problems(self, names: Names) -> Found:
        """Nobody who talks, or somebody who speaks for himself."""
        if not self.sender:
            yield (), f"say 'from': the lab has {len(names.agents)} user agents"
        if names.is_program(self.sender):
            yield ("from",), f"{self.sender} is a program, and speaks for itself; let another host talk"
        yield from self._not_served(names)
        for path, reply in self._replies():
            if problem := wrong_reply(reply, self.service):
                yield path, problem

    def _not_served(self, names: Names) -> Found:
        host = names.hosts.get(self.to)
        if host is None or "mail server" not in host.nouns:
            return
        begins = [("say", number) for number, said in enumerate(self.say) if isinstance(said, TlsBegun)]
        asked = [("tls",)] * (self.tls == "implicit") + begins
        if asked and not host.tls:
            yield asked[0], f"{self.to} has no TLS; give the host 'starttls: true'"
        if self.tls == "implicit" and begins:
            yield begins[0], "TLS has begun with the first octet; leave out 'tls: implicit' or this"
        if not host.is_program and self.service == "managesieve":
            yield ("service",), f"{self.to} has no ManageSieve server; put a program in its place"
        if not host.is_program and self.port == PORTS["submission"][0] and host.role == "receiver":
            yield ("service",), f"{self.to} takes mail on port 25 only; say 'service: smtp'"

    def _replies(self) -> Iterator[tuple[Path, str]]:
        """Every reply that is expected, at its path."""
        yield from ((("greeting",), reply) for reply in self.greeting)
        for number, saying in enumerate(self.say):
            breath = isinstance(saying, tuple)
            for place, said in enumerate(saying if isinstance(saying, tuple) else (saying,)):
                path: Path = ("say", number, place, "reply") if breath else ("say", number, "reply")
                yield from ((path, reply) for reply in (said.reply if isinstance(said, LineSaid) else ()))

    def describe(self) -> str:
        """One line in words."""
        return f"{self.sender} talks to {self.to}"
