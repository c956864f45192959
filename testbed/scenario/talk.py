"""The step that speaks raw octets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from testbed.scenario.base import Duration, Part
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName, MailServerName
from testbed.scenario.octets import Octets, are_octets, octets_of
from testbed.scenario.problems import Found
from testbed.scenario.tagged import Tagged
from testbed.scenario.units import parse_duration

MAX_TALK_OCTETS = 50_000_000


def _is_line(value: object) -> object:
    if isinstance(value, str) and ("\r" in value or "\n" in value):
        raise ValueError("a line is sent with one CRLF behind it; write 'octets' for other line ends")
    return are_octets(value)


Line = Annotated[str, BeforeValidator(_is_line), Field(description="Sent with CRLF; then its reply is awaited.")]


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


class Ending(Part):
    """The client ends the connection, or its half of it."""

    then: Literal["close", "half-close", "reset"] = Field(
        description="FIN, FIN and go on to listen until the server closes too, or RST."
    )


SAYINGS: dict[str, type[Part]] = {"octets": OctetsSaid, "wait": Silence, "then": Ending}
_NOUN = "a line, a list said in one breath, or one of 'octets', 'wait' and 'then'"


def _form(value: object) -> str | None:
    if isinstance(value, str):
        return "line"
    if isinstance(value, list | tuple):
        return "breath"
    if isinstance(value, dict):
        return next((key for key in SAYINGS if key in value), None)
    return next((key for key, kind in SAYINGS.items() if isinstance(value, kind)), None)


Breath = Annotated[
    Annotated[Line, Tag("line")] | Annotated[OctetsSaid, Tag("octets")],
    Discriminator(_form, custom_error_type="no_breath", custom_error_message="in one breath come lines and 'octets'"),
]
Saying = Annotated[
    Annotated[Line, Tag("line")]
    | Annotated[tuple[Breath, ...], Field(min_length=1), Tag("breath")]
    | Annotated[OctetsSaid, Tag("octets")]
    | Annotated[Silence, Tag("wait")]
    | Annotated[Ending, Tag("then")],
    Discriminator(_form, custom_error_type="no_saying", custom_error_message=f"what is said is {_NOUN}"),
]


class TalkStep(Tagged):
    """A client says to a mail server exactly what is written here, over one connection."""

    kind: Literal["talk"] = Field(default="talk", exclude=True)
    sender: HostName = Field(default="", alias="from", description="The host that talks; the one user agent's, unsaid.")
    to: MailServerName = Field(description="The mail server.")
    port: int = Field(default=25, strict=True, ge=1, le=65535, description="The port.")
    timeout: Duration = Field(default=parse_duration("10m"), description="How long a reply is awaited.")
    say: tuple[Saying, ...] = Field(min_length=1, description="What the client says, once it has been greeted.")

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

    def describe(self) -> str:
        """One line in words."""
        return f"{self.sender} talks to {self.to}"
