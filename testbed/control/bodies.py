"""The bodies of requests: read within bounds, and checked before anything is done with them."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from testbed.control.problems import Problem

MOST_OCTETS = 2_000_000
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
_OF_CURL = "application/x-www-form-urlencoded"
_DEPTH = 100

Body = TypeVar("Body", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LabOrder(_Strict):
    """Which lab is to be brought up."""

    scenario: str | dict[str, object] | None = Field(
        default=None,
        description="YAML text, the name of a file or of one of the @catalogue, or a scenario as an object "
        "(default: the textbook's lab).",
        examples=["@catalogue/delivered", {"hosts": {"someschool.edu": {"mailboxes": ["bob", "carol"]}}}],
    )
    case: str = Field(default="", description="Which case of the scenario's matrix.", max_length=1_000)
    play_steps: bool = Field(default=True, description="Whether the scenario's steps are played first.")


class Wait(_Strict):
    """How much scenario time is to pass."""

    duration: str = Field(description="A span of time: 300ms, 40m, 2h, 5d, 1d 12h.", examples=["5d"], max_length=100)


class Anything(RootModel[dict[str, object]]):
    """An object that the scenario language has the rules for."""


async def read_body(request: Request, model: type[Body]) -> Body:
    """What a request says.  Raises Problem: 400 for what is no JSON, 413, 415, 422 for what does not fit."""
    content = await _octets(request)
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if model is LabOrder and kind in _YAML:
        return model.model_validate({"scenario": _text(content) + "\n"})
    if kind != "application/json" and not kind.endswith("+json"):
        also = " or YAML (application/yaml)" if model is LabOrder else ""
        curl = "; with curl, write --json" if kind == _OF_CURL else ""
        raise Problem(415, f"the body is JSON (application/json){also}, not {kind[:60]}{curl}")
    value = _json(content)
    if not isinstance(value, dict):
        raise Problem(422, "the body is an object: {…}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Problem(422, "; ".join(_words(one["loc"], one["msg"]) for one in error.errors()[:5])) from None


async def _octets(request: Request) -> bytes:
    content = bytearray()
    try:
        async for piece in request.stream():
            content += piece
            if len(content) > MOST_OCTETS:
                raise Problem(413, f"the body has more than {MOST_OCTETS:,} octets")
    except ClientDisconnect:
        raise Problem(400, "the body breaks off") from None
    return bytes(content)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8 (octet {error.start + 1})") from None


def _json(content: bytes) -> object:
    try:
        value = json.loads(_text(content) or "{}", parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Problem(400, "the body has half a character: \\ud800 to \\udfff come in pairs only") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, and integers of thousands of digits
        raise Problem(400, f"the body is not JSON: {str(error)[:200]}") from None
    if _depth(value) > _DEPTH:
        raise Problem(400, "the body is nested too deeply")
    return value


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is not a JSON number")


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level and depth <= _DEPTH:
        depth += 1
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for several in inner for one in several]
    return depth


def _words(place: tuple[int | str, ...], message: str) -> str:
    where = ".".join(map(str, place))
    return f"{where[:100]}: {message}" if where else message
