"""The faults a scenario can inject: where + when + what.

A kind of fault is told by the key that says where: ``at`` (what a server says), ``host`` (a whole host),
``between`` (the packets from one host to another).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from testbed.scenario.base import Address, Duration, HostName, Part
from testbed.scenario.units import format_duration

_REPLY = re.compile(r"[2-5]\d\d(?: [245]\.\d{1,3}\.\d{1,3})?(?: [\x20-\x7e]*)?")

Stage = Literal["connect", "HELO", "EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT", "RSET", "NOOP", "VRFY"]


class DialogueFault(Part):
    """What a server says, or fails to say, at a stage of the dialogue.

    With ``reply`` it says that instead of doing what it was asked.  With ``then`` alone, it does not answer at all:
    at ``message`` it has stored the mail all the same (RFC 1047), at every other stage it has done nothing.
    """

    at: HostName = Field(description="The server.")
    on: Stage = Field(
        description="The command it is asked; 'connect' is the greeting, 'message' comes after the final dot."
    )
    reply: str | None = Field(default=None, description="What it answers.", examples=["452 4.2.2 Mailbox full"])
    then: Literal["close", "reset", "stall"] | None = Field(
        default=None, description="What it does then: FIN, RST, or nothing at all any more."
    )
    times: int | None = Field(default=None, strict=True, ge=1, description="How often; without it, always.")
    recipient: Address | None = Field(default=None, description="Only for this recipient (with 'on: RCPT').")

    @field_validator("reply", mode="before")
    @classmethod
    def _code_alone(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("reply")
    @classmethod
    def _is_a_reply(cls, value: str | None) -> str | None:
        if value is not None and (not _REPLY.fullmatch(value) or len(value) > 500):
            raise ValueError(f"'{value[:40]}' is not an SMTP reply; write e.g. 452 4.2.2 Mailbox full")
        return value

    @model_validator(mode="after")
    def _does_something(self) -> DialogueFault:
        if self.reply is None and self.then is None:
            raise ValueError("the fault does nothing: give it 'reply' or 'then'")
        if self.recipient is not None and self.on != "RCPT":
            raise ValueError("'recipient' goes with 'on: RCPT' only")
        return self

    def describe(self) -> str:
        """One line in words."""
        acts = {"close": "closes the connection", "reset": "resets the connection", "stall": "falls silent"}
        parts = [
            *([f"answers {self.on} with {self.reply}"] if self.reply else []),
            *([acts[self.then] + ("" if self.reply else f" at {self.on}")] if self.then else []),
        ]
        whom = f" for {self.recipient}" if self.recipient else ""
        return f"{self.at} {' and '.join(parts)}{whom}{_times(self.times)}"


class HostFault(Part):
    """A whole host: silent (swallows every packet), refused (RST), unreachable (ICMP)."""

    host: HostName = Field(description="The host.")
    is_: Literal["silent", "refused", "unreachable"] = Field(alias="is", description="What it is.")
    from_: Duration = Field(default=0, alias="from", description="Since when; without it, from the start.")
    until: Duration | None = Field(default=None, description="Until when; without it, to the end.")

    @model_validator(mode="after")
    def _in_order(self) -> HostFault:
        if self.until is not None and self.until <= self.from_:
            raise ValueError("'until' must come after 'from'")
        return self

    def describe(self) -> str:
        """One line in words."""
        since = f" from {format_duration(self.from_)}" if self.from_ else ""
        until = f" until {format_duration(self.until)}" if self.until is not None else ""
        return f"{self.host} is {self.is_}{since}{until}"


class WireFault(Part):
    """What happens to packets from one host to another, in this direction only."""

    between: tuple[HostName, HostName] = Field(description="[sender of the packets, host they are for]")
    packets: Literal["SYN", "SYN-ACK", "ACK", "FIN", "RST", "data", "any"] = Field(
        default="any", description="Which packets; 'ACK' means those that only acknowledge, 'data' those with payload."
    )
    nth: int = Field(
        default=1, strict=True, ge=1, description="The first matching packet it happens to, counted from 1."
    )
    lose: int | None = Field(default=None, strict=True, ge=1, description="How many matching packets vanish.")
    delay: Duration | None = Field(default=None, description="How long a matching packet is held back.")
    duplicate: int | None = Field(
        default=None, strict=True, ge=1, description="How many matching packets arrive twice."
    )
    reset: Literal["both", "sender", "receiver"] | None = Field(
        default=None, description="The packet vanishes and RST goes to these ends of its connection."
    )
    times: int = Field(default=1, strict=True, ge=1, description="How many packets to delay, or connections to reset.")

    @field_validator("between", mode="before")
    @classmethod
    def _two_hosts(cls, value: object) -> object:
        if isinstance(value, list) and len(value) != 2:
            raise ValueError("'between' names two hosts: [sender of the packets, host they are for]")
        return value

    @model_validator(mode="after")
    def _one_action(self) -> WireFault:
        actions = [name for name in ("lose", "delay", "duplicate", "reset") if getattr(self, name) is not None]
        if len(actions) != 1:
            raise ValueError("a wire fault does one thing: lose, delay, duplicate or reset")
        if "times" in self.model_fields_set and actions[0] in ("lose", "duplicate"):
            raise ValueError(f"'{actions[0]}' says how many itself; leave 'times' out")
        return self

    @property
    def count(self) -> int:
        """How many packets it happens to."""
        return self.lose or self.duplicate or self.times

    def describe(self) -> str:
        """One line in words."""
        kind = "packet" if self.packets == "any" else self.packets
        which = f"{kind} {self.nth}" if self.count == 1 else f"{kind} {self.nth} to {self.nth + self.count - 1}"
        if self.lose:
            act = "is lost" if self.count == 1 else "are lost"
        elif self.delay is not None:
            act = f"delayed by {format_duration(self.delay)}"
        elif self.duplicate:
            act = "duplicated"
        else:
            act = f"lost and its connection reset ({self.reset})"
        return f"{which} from {self.between[0]} to {self.between[1]} {act}"


Fault = DialogueFault | HostFault | WireFault

KINDS: dict[str, type[Part]] = {"at": DialogueFault, "host": HostFault, "between": WireFault}
"""Kinds of fault by the key that tells them apart."""


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((key for key in KINDS if key in value), None)
    return next((key for key, kind in KINDS.items() if isinstance(value, kind)), None)


AnyFault = Annotated[
    Annotated[DialogueFault, Tag("at")] | Annotated[HostFault, Tag("host")] | Annotated[WireFault, Tag("between")],
    Discriminator(
        _kind,
        custom_error_type="fault_without_place",
        custom_error_message="a fault says where: 'at' a server, 'host', or 'between' two hosts",
    ),
]


def _times(times: int | None) -> str:
    return "" if times is None else " once" if times == 1 else f" {times} times"
