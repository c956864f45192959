"""How often a fault happens, said in one way everywhere: so many times exactly, up to so many, or always."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from testbed.scenario.glossary import Glossary

_UP_TO = re.compile(r"up to ([1-9]\d{0,8})")
UpTo = Annotated[str, Field(pattern=f"^{_UP_TO.pattern}$", examples=["up to 5"])]
ALWAYS: Literal["always"] = "always"
FORMERLY_ALWAYS = "all"
_WORDS = Glossary({ALWAYS: "each time", FORMERLY_ALWAYS: "the former word for 'always'"})


def _times(value: object) -> object:
    if value == FORMERLY_ALWAYS:
        return ALWAYS
    if value == ALWAYS or _is_number(value) or (isinstance(value, str) and _UP_TO.fullmatch(value)):
        return value
    raise ValueError(
        f"'{str(value)[:40]}' is not how often; write a whole number from 1 up, or e.g. 'up to 5', or always"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_AsWritten = Annotated[int, Field(ge=1)] | UpTo | Annotated[Literal["always", "all"], _WORDS]
Times = Annotated[int | UpTo | Literal["always"], BeforeValidator(_times, json_schema_input_type=_AsWritten)]
"""How often: a number that must be reached, the most there may be (``up to 5``), or ``always``."""

HOW_OFTEN = "How often it strikes: 3, 'up to 3', or 'always' (default)."


def most(times: int | str | None) -> int | None:
    """How often at most; None for always."""
    if isinstance(times, str):
        found = _UP_TO.fullmatch(times)
        return int(found[1]) if found else None
    return times


def least(times: int | str | None) -> int:
    """How often at least."""
    return times if isinstance(times, int) else 1
