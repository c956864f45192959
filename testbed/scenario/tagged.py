"""Steps and expectations are mappings with one key that says which: ``- wait: 40m``, ``- delivered: {to: …}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic_core import PydanticCustomError

from testbed.scenario.base import Part


class Tagged(Part):
    """A step or an expectation; ``shorthand`` names the field meant when the value is no mapping."""

    shorthand: ClassVar[str] = ""


def flatten(value: object, kinds: Mapping[str, type[Tagged]], noun: str) -> object:
    """``{"wait": "40m"}`` becomes ``{"kind": "wait", "duration": "40m"}``.  Raises PydanticCustomError."""
    if isinstance(value, Tagged):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        words = ", ".join(kinds)
        raise PydanticCustomError("not_one_key", f"{noun} has exactly one key, one of {words}")
    [(kind, body)] = value.items()
    if kind not in kinds:
        raise PydanticCustomError("unknown_kind", f"unknown {noun.split()[-1]} '{{word}}'", {"word": str(kind)[:40]})
    if isinstance(body, dict):
        if "kind" in body:  # ours, not the user's
            raise PydanticCustomError("kind_given", f"unknown key 'kind' in '{kind}'")
        return {**body, "kind": kind}
    if not kinds[kind].shorthand:
        raise PydanticCustomError("no_mapping", f"'{kind}' needs a mapping of its parts in braces or below it")
    return {kinds[kind].shorthand: body, "kind": kind}
