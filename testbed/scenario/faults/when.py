"""When a fault strikes: the part all kinds of fault have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from testbed.durations import format_duration
from testbed.plural import ordinal
from testbed.protocols.trigger import Trigger
from testbed.scenario.base import Part, PeopleWait
from testbed.scenario.faults.times import least, most
from testbed.scenario.units import parse_share

Share = Annotated[
    float,
    BeforeValidator(parse_share, json_schema_input_type=str | Annotated[float, Field(gt=0, le=1)]),
    Field(description="A share of all: 5%, 0.5%.", examples=["5%"]),
]
"""Between 0 and 1."""


class Window(Part):
    """From when until when, in scenario time since everybody is there: programs too have started."""

    from_: PeopleWait = Field(default=0, alias="from", description="Since when (default: from the start).")
    until: PeopleWait | None = Field(default=None, description="Until when (default: to the end).")

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if self.until is not None and self.until <= self.from_:
            raise ValueError("'until' must come after 'from'")
        return self

    @property
    def pause(self) -> int:
        """How long it may keep hosts from saying anything while something is under way, in nanoseconds."""
        return 0

    @property
    def least(self) -> int:
        """How often it must have an effect, or the scenario has not shown what it was written for."""
        return 1

    def window(self) -> str:
        """The window in words, with a space before them, or nothing."""
        since = f" from {format_duration(self.from_)}" if self.from_ else ""
        return since + (f" until {format_duration(self.until)}" if self.until is not None else "")


class When(Window):
    """Which of the events a fault is about it happens to."""

    nth: int = Field(default=1, strict=True, ge=1, description="The first such event it happens to, counted from 1.")
    chance: Share = Field(default=1.0, description="How likely, each time; the scenario's 'seed' makes it repeatable.")
    connection: int | None = Field(
        default=None, strict=True, ge=1, description="Only on this one of the connections, counted from 1."
    )

    def trigger(self, seed: int) -> Trigger:
        """What counts the events of this fault."""
        return Trigger(self.nth, self.count, self.from_, self.until, self.chance, f"{seed}:{self.line}")

    @property
    def how_often(self) -> int | str | None:
        """How often it happens, as the scenario says it; None for always."""
        return None

    @property
    def count(self) -> int | None:
        """How often it happens at most, None for always."""
        return most(self.how_often)

    @property
    def least(self) -> int:
        """How often it must have an effect: as often as the scenario says, unless that says 'up to'."""
        return least(self.how_often)

    def occasion(self) -> str:
        """Which of the events, in words, with a space before them, or nothing."""
        parts = [f" on connection {self.connection}"] if self.connection is not None else []
        if self.how_often == 1:
            parts.append(f", the {ordinal(self.nth)} time only" if self.nth > 1 else " once")
        else:
            often = "" if self.count is None else f" {self.how_often} times"
            parts.append(f",{often} from the {ordinal(self.nth)} time on" if self.nth > 1 else often)
        if self.chance < 1:
            parts.append(f" with a chance of {self.chance * 100:g} %")
        return "".join(parts) + self.window()
