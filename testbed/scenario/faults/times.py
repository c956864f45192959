"""How often a fault happens: so many times exactly, up to so many, or always."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

_UP_TO = re.compile(r"up to ([1-9]\d{0,8})")
UpTo = Annotated[str, Field(pattern=f"^{_UP_TO.pattern}$", examples=["up to 5"])]


def _times(value: object) -> object:
    if _is_number(value) or (isinstance(value, str) and _UP_TO.fullmatch(value)):
        return value
    raise ValueError(f"'{str(value)[:40]}' is not how often; write a whole number from 1 up, or e.g. 'up to 5'")


def _count(value: object) -> object:
    if value == "all" or _is_number(value) or (isinstance(value, str) and _UP_TO.fullmatch(value)):
        return value
    raise ValueError(f"'{str(value)[:40]}' is not how many; write a whole number from 1 up, or all, or e.g. 'up to 5'")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


Times = Annotated[Annotated[int, Field(ge=1)] | UpTo, BeforeValidator(_times)]
"""How often: a number that must be reached, or the most there may be: ``up to 5``."""

Count = Annotated[int | UpTo | Literal["all"], BeforeValidator(_count)]
"""How many packets: the same, or ``all``."""


def most(times: int | str | None) -> int | None:
    """How often at most; None for always."""
    if isinstance(times, str):
        found = _UP_TO.fullmatch(times)
        return int(found[1]) if found else None
    return times


def least(times: int | str | None) -> int:
    """How often at least."""
    return times if isinstance(times, int) else 1
