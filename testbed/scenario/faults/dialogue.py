"""What a server says, or fails to say."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from testbed.scenario.base import Address, HostName
from testbed.scenario.faults.reading import DoneStage, ReadingStage, check_reply, protocol_of
from testbed.scenario.faults.when import When

_REPLY = re.compile(r"[2-5]\d\d(?: [245]\.\d{1,3}\.\d{1,3})?(?: [\x20-\x7e]*)?")

Stage = Literal["connect", "HELO", "EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT", "RSET", "NOOP", "VRFY"]


class DialogueFault(When):
    """What a server says, or fails to say, at a stage of the dialogue.

    With ``reply`` it says that instead of doing what it was asked.  With ``then`` alone, it does not answer at all:
    at ``message`` it has stored the mail all the same (RFC 1047), at every other stage it has done nothing.
    """

    at: HostName = Field(description="The server.")
    on: Literal[Stage, ReadingStage, DoneStage] = Field(
        description="The command it is asked; 'connect' is the greeting, 'message' comes after the final dot; "
        "with POP3 or IMAP in front, a command of those who read, 'done' behind it if what it asks has been done."
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
    def _is_a_reply(cls, value: str | None, info: ValidationInfo) -> str | None:
        protocol = protocol_of(str(info.data.get("on", "")))
        if value is not None and protocol:
            check_reply(protocol, value)
        elif value is not None and (not _REPLY.fullmatch(value) or len(value) > 500):
            raise ValueError(f"'{value[:40]}' is not an SMTP reply; write e.g. 452 4.2.2 Mailbox full")
        return value

    @model_validator(mode="after")
    def _does_something(self) -> DialogueFault:
        if self.reply is None and self.then is None:
            raise ValueError("the fault does nothing: give it 'reply' or 'then'")
        if self.recipient is not None and self.on != "RCPT":
            raise ValueError("'recipient' goes with 'on: RCPT' only")
        return self

    @property
    def count(self) -> int | None:
        """How often it happens, None for always."""
        return self.times

    def describe(self) -> str:
        """One line in words."""
        acts = {"close": "closes the connection", "reset": "resets the connection", "stall": "falls silent"}
        parts = [
            *([f"answers {self.on} with {self.reply}"] if self.reply else []),
            *([acts[self.then] + ("" if self.reply else f" at {self.on}")] if self.then else []),
        ]
        whom = f" for {self.recipient}" if self.recipient else ""
        return f"{self.at} {' and '.join(parts)}{whom}{self.occasion()}"
