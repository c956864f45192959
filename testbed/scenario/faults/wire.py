"""What happens to packets on their way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from testbed.scenario.base import Duration, HostName
from testbed.scenario.faults.when import When
from testbed.scenario.units import format_duration


def _count(value: object) -> object:
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ValueError(f"'{str(value)[:40]}' is not how many; write a whole number from 1 up, or all")


Count = Annotated[int | Literal["all"], BeforeValidator(_count)]


class WireFault(When):
    """What happens to packets from one host to another, in this direction only."""

    between: tuple[HostName, HostName] = Field(description="[sender of the packets, host they are for]")
    packets: Literal["SYN", "SYN-ACK", "ACK", "FIN", "RST", "data", "any"] = Field(
        default="any", description="Which packets; 'ACK' means those that only acknowledge, 'data' those with payload."
    )
    lose: Count | None = Field(default=None, description="How many matching packets vanish.")
    delay: Duration | None = Field(default=None, description="How long a matching packet is held back.")
    duplicate: Count | None = Field(default=None, description="How many matching packets arrive twice.")
    reset: Literal["both", "sender", "receiver"] | None = Field(
        default=None, description="The packet vanishes and RST goes to these ends of its connection."
    )
    times: Count = Field(default=1, description="How many packets, where the fault does not say itself; or all.")

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
    def count(self) -> int | None:
        """How many packets it happens to, None for all."""
        found = self.lose or self.duplicate or self.times
        return None if found == "all" else found

    def describe(self) -> str:
        """One line in words."""
        kind = "packet" if self.packets == "any" else self.packets
        if self.count is None:
            which = f"every {kind}" + (f" from number {self.nth} on" if self.nth > 1 else "")
        elif self.count == 1:
            which = f"{kind} {self.nth}"
        else:
            which = f"{kind} {self.nth} to {self.nth + self.count - 1}"
        if self.lose:
            act = "are lost" if self.count and self.count > 1 else "is lost"
        elif self.delay is not None:
            act = f"delayed by {format_duration(self.delay)}"
        elif self.duplicate:
            act = "duplicated"
        else:
            act = f"lost and its connection reset ({self.reset})"
        chance = f" with a chance of {self.chance * 100:g} %" if self.chance < 1 else ""
        return f"{which} from {self.between[0]} to {self.between[1]} {act}{chance}{self.window()}"
