"""What happens to a whole host, or to the link between two."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from testbed.durations import MILLISECOND, format_duration
from testbed.protocols.trigger import Trigger
from testbed.scenario.base import Limit
from testbed.scenario.faults.dialogue import Stage
from testbed.scenario.faults.times import HOW_OFTEN, Times, least, most
from testbed.scenario.faults.when import Window
from testbed.scenario.glossary import Glossary
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName
from testbed.scenario.problems import Found, did_you_mean

_AS_SERVER, _AS_CLIENT = ("been asked", "done", "answered"), ("sent", "been answered")
_MOMENT = re.compile(rf"it has ({'|'.join((*_AS_SERVER, *_AS_CLIENT))}) (\S+)")
_STAGES = get_args(Stage)


def _moment(value: str) -> str:
    found = _MOMENT.fullmatch(value)
    if found is None:
        raise ValueError(
            f"'{value[:40]}' is no moment of a dialogue; write e.g. 'it has answered message', and in place of "
            "'answered' also 'been asked' or 'done', or, where it is the client, 'sent' or 'been answered'"
        )
    if found[2] not in _STAGES:
        near = did_you_mean(found[2], _STAGES) or f"; known: {', '.join(_STAGES)}"
        raise ValueError(f"'{found[2][:40]}' is no command of SMTP{near}")
    if found[2] == "connect" and found[1] in ("been asked", "sent"):
        raise ValueError(f"nobody says 'connect'; write 'it has {'been ' * (found[1] == 'sent')}answered connect'")
    return value


Moment = Annotated[
    str, Field(pattern=f"^{_MOMENT.pattern}$", examples=["it has answered message"]), AfterValidator(_moment)
]
"""A moment of an SMTP dialogue: what a host has done with which command."""

_STATES = Glossary(
    {
        "silent": "it swallows every packet",
        "refused": "it is up and no server runs: RST, and ICMP for a datagram",
        "unreachable": "a router says that it cannot be reached (ICMP)",
        "crashed": "its program is gone; the machine resets its connections and refuses new ones, what is not on disk "
        "is lost, and it starts again with 'until'",
        "full-disk": "it takes no mail (452 4.3.1)",
    }
)
_WORDS = {"crashed": "has crashed", "full-disk": "has a full disk"}


class HostFault(Window):
    """A whole host that cannot be reached, or a mail server's program that has crashed or has a full disk.

    ``when`` has it crash at a moment of an SMTP dialogue, which the wire sees: before the next packet passes.  As a
    server, it has ``been asked`` a command and not read it yet; it has ``done`` it, and its answer is lost; it has
    ``answered`` it.  As a client, it has ``sent`` a command, or has ``been answered`` and not read that yet.  Under TLS
    the wire sees no commands.  ``from`` and ``until`` then say in which time such moments count.
    """

    host: HostName = Field(description="The host.")
    is_: Annotated[Literal["silent", "refused", "unreachable", "crashed", "full-disk"], _STATES] = Field(
        alias="is", description="What it is."
    )
    when: Moment | None = Field(
        default=None, description="At which moment it crashes: 'it has answered message'; without it, at 'from'."
    )
    nth: int = Field(default=1, strict=True, ge=1, description="The first such moment at which it does, from 1.")
    times: Times | None = Field(default=None, description=HOW_OFTEN)
    for_: Limit | None = Field(
        default=None,
        ge=100 * MILLISECOND,
        alias="for",
        description="How long after that it is back; without it, never.",
    )

    @model_validator(mode="after")
    def _at_moments_only(self) -> HostFault:
        if self.when is not None and self.is_ != "crashed":
            raise ValueError(f"'when' says when a host crashes; one that is {self.is_} is so 'from' and 'until' a time")
        alone = {"nth": self.nth > 1, "times": self.times is not None, "for": self.for_ is not None}
        if self.when is None and any(alone.values()):
            key = next(key for key, said in alone.items() if said)
            raise ValueError(f"'{key}' goes with 'when'; without that, say 'from' and 'until'")
        return self

    @property
    def moment(self) -> tuple[str, str] | None:
        """What it has done, and with which command, when it crashes; None where it does at a time."""
        found = _MOMENT.fullmatch(self.when) if self.when is not None else None
        return (found[1], found[2]) if found is not None else None

    @property
    def as_client(self) -> bool:
        """Whether it is at a moment of a dialogue in which it is the client."""
        return self.moment is not None and self.moment[0] in _AS_CLIENT

    def trigger(self) -> Trigger:
        """What counts such moments."""
        return Trigger(self.nth, most(self.times), self.from_, self.until)

    @property
    def least(self) -> int:
        """How often it must have an effect."""
        return least(self.times)

    @property
    def of_program(self) -> bool:
        """Whether it strikes the mail server and not its packets."""
        return self.is_ in _WORDS

    def problems(self, names: Names) -> Found:
        """A host that has no such program, or one of its own."""
        wrong = names.is_none(self.host, "mail server") if self.of_program else ""
        if wrong:
            yield ("host",), wrong
        if self.is_ == "full-disk" and names.is_program(self.host):
            yield ("is",), f"{self.host} is a program, whose disk is yours; only its network can be faulty"

    def describe(self) -> str:
        """One line in words."""
        if self.when is None:
            return f"{self.host} {_WORDS.get(self.is_, f'is {self.is_}')}{self.window()}"
        nth = f", from number {self.nth} on" if self.nth > 1 else ""
        times = f", {'once' if self.times == 1 else f'{self.times} times'}" if most(self.times) is not None else ""
        back = f", and is back after {format_duration(self.for_)}" if self.for_ is not None else ""
        return f"{self.host} crashes when {self.when}{nth}{times}{back}{self.window()}"


class LinkFault(Window):
    """The link between two hosts: nothing passes, in either direction.  All their other links work."""

    link: tuple[HostName, HostName] = Field(description="The two hosts.")
    is_: Literal["down"] = Field(alias="is", description="What it is.")

    @field_validator("link", mode="before")
    @classmethod
    def _two_hosts(cls, value: object) -> object:
        if isinstance(value, list) and (len(value) != 2 or value[0] == value[1]):
            raise ValueError("'link' names two hosts")
        return value

    def describe(self) -> str:
        """One line in words."""
        return f"the link between {self.link[0]} and {self.link[1]} is {self.is_}{self.window()}"
