"""What the types of fields say beyond their values: marks in ``Annotated``, also within ``| None`` and tuples."""

from __future__ import annotations

from functools import cache
from typing import TypeVar, get_args

from pydantic import BaseModel

_Mark = TypeVar("_Mark")


def marks(part: type[BaseModel], kind: type[_Mark]) -> tuple[tuple[str, _Mark], ...]:
    """The fields of a class that have such a mark, each with it."""
    return tuple((name, mark) for name, all_of_it in _marks(part) for mark in all_of_it if isinstance(mark, kind))


@cache
def _marks(part: type[BaseModel]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    fields = part.model_fields.items()
    return tuple((name, (*field.metadata, *_within(field.annotation))) for name, field in fields)


def _within(annotation: object) -> tuple[object, ...]:
    own = getattr(annotation, "__metadata__", ())
    return (*own, *(mark for one in get_args(annotation) for mark in _within(one)))
