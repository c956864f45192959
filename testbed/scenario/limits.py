"""How many messages a mail server takes from one client, and what it says to more."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from testbed.scenario.base import Part, Rate
from testbed.scenario.faults.reply import ReplyText, check_smtp_reply


class RateLimitSpec(Part):
    """A rate, and the reply to MAIL beyond it."""

    messages: Rate = Field(description="How many messages in a period.")
    reply: ReplyText = Field(
        default="450 4.7.1 Too many messages, come back later",
        description="What MAIL is answered beyond it, a code of 4yz or 5yz; 421 closes the connection.",
        examples=["421 4.7.0 Too many messages", "550 5.7.1 Blocked for today"],
    )

    @field_validator("reply")
    @classmethod
    def _refuses(cls, value: str) -> str:
        check_smtp_reply(value)
        if value[0] not in "45":
            raise ValueError(f"'{value[:40]}' refuses nothing; write e.g. 421 4.7.0 Too many messages")
        return value


def _rate_alone(value: object) -> object:
    return value if isinstance(value, dict | RateLimitSpec) else {"messages": value}


RateLimit = Annotated[RateLimitSpec, BeforeValidator(_rate_alone, json_schema_input_type=Rate | RateLimitSpec)]
