"""A reply that a scenario expects, by the command it answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from testbed.protocols.status_pattern import REPLY
from testbed.scenario.faults import Stage
from testbed.scenario.faults.reading import ReadingStage
from testbed.scenario.naming import MailServerName
from testbed.scenario.tagged import Tagged

_CODE = rf"^({REPLY}|(\+OK|-ERR|OK|NO|BAD)( \[[A-Z/-]{{1,30}}\])?)$"
FORMERLY_ON = "to"
"""What ``on`` of a reply was called, before ``to`` meant a recipient or a host everywhere."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_CodeText = Annotated[str, Field(pattern=_CODE)]
_Code = Annotated[
    _CodeText, BeforeValidator(_as_text, json_schema_input_type=_CodeText | Annotated[int, Field(ge=200, le=599)])
]


def _as_formerly(schema: JsonDict) -> None:
    """Let editors take the former key, and strike it out."""
    properties, required = schema["properties"], schema["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    command = properties["on"]
    assert isinstance(command, dict)
    told: JsonDict = {"deprecated": True, "deprecationMessage": "This is called 'on'."}
    properties[FORMERLY_ON] = {**command, **told}
    required.remove("on")
    schema["anyOf"] = [{"required": ["on"]}, {"required": [FORMERLY_ON]}]


class ReplyExpected(Tagged):
    """A server gave this reply to a command."""

    model_config = ConfigDict(json_schema_extra=_as_formerly)

    kind: Literal["reply"] = Field(default="reply", exclude=True)
    sender: MailServerName = Field(alias="from", description="The server.")
    command: Literal[Stage, ReadingStage] = Field(
        alias="on", description="The command, or 'connect' or 'message'; 'POP3 PASS', 'IMAP LOGIN'."
    )
    code: _Code = Field(description="452, 452 4.2.2, 5.., 5.. 5.1.*; -ERR, NO [OVERQUOTA].")
    count: int | None = Field(default=None, strict=True, ge=0, description="How often; without it, at least once.")

    @model_validator(mode="before")
    @classmethod
    def _on_was_to(cls, data: object) -> object:
        if isinstance(data, dict) and FORMERLY_ON in data and "on" not in data:
            return {"on" if key == FORMERLY_ON else key: value for key, value in data.items()}
        return data
