"""What happens in a scenario, in order."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from testbed.scenario.base import Address, Duration, HostName, Size
from testbed.scenario.programs import RunStep
from testbed.scenario.tagged import Tagged, flatten
from testbed.scenario.units import format_duration


class SendStep(Tagged):
    """A user agent composes a message and submits it."""

    kind: Literal["send"] = Field(default="send", exclude=True)
    sender: Address = Field(default="", alias="from", description="Who sends; the one user agent's owner when unsaid.")
    recipients: tuple[Address, ...] = Field(alias="to", min_length=1, description="One address or a list.")
    subject: str = Field(
        default="Hello", description="The subject.", pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=900
    )
    body: str = Field(default="Hello from the lab.", description="The text.")
    size: Size | None = Field(default=None, le=50_000_000, description="Pads the text to about so many octets.")
    via: HostName | None = Field(default=None, description="The user agent, where several have this sender.")

    @field_validator("recipients", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]

    def describe(self) -> str:
        """One line in words."""
        return f"{self.sender} sends '{self.subject}' to {', '.join(self.recipients)}"


class WaitStep(Tagged):
    """Scenario time passes; it costs next to no real time."""

    shorthand: ClassVar[str] = "duration"
    kind: Literal["wait"] = Field(default="wait", exclude=True)
    duration: Duration

    def describe(self) -> str:
        """One line in words."""
        return f"{format_duration(self.duration)} pass"


class EmptyStep(Tagged):
    """Somebody deletes every message in a mailbox."""

    shorthand: ClassVar[str] = "mailbox"
    kind: Literal["empty"] = Field(default="empty", exclude=True)
    mailbox: Address

    def describe(self) -> str:
        """One line in words."""
        return f"the mailbox of {self.mailbox} is emptied"


Step = SendStep | WaitStep | EmptyStep | RunStep

STEPS: dict[str, type[Tagged]] = {"send": SendStep, "wait": WaitStep, "empty": EmptyStep, "run": RunStep}

AnyStep = Annotated[
    Annotated[Step, Field(discriminator="kind")],
    BeforeValidator(lambda value: flatten(value, STEPS, "a step")),
]
