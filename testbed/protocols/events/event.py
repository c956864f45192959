"""What an event of the log is, and the one way to and from the fields of a journal entry.

A journal knows strings only.  A number is written in decimal, a list with spaces between its items.  A field at its
default is left out; one without a default is always there.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import ClassVar, TypeVar, dataclass_transform, get_type_hints

_INTEGER = re.compile(r"-?[0-9]{1,19}")

Kind = TypeVar("Kind", bound="LogEvent")
_BY_WORD: dict[str, type[LogEvent]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(word: str = "") -> Callable[[type[Kind]], type[Kind]]:
    """Make a class an event that is known by this word; without one, what several events have in common."""

    def made(kind: type[Kind]) -> type[Kind]:
        # Its methods are those of LogEvent: to compile six for each of these many classes takes 12 ms of every start.
        kind = dataclasses.dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)(kind)
        kind.word = word
        if word:
            _BY_WORD[word] = kind
        return kind

    return made


@event()
class LogEvent:
    """Something a host, the wire or the lab has done, a frozen value; ``word`` names it in the journal."""

    word: ClassVar[str]

    def __init__(self, **values: object) -> None:
        known = dataclasses.fields(self)
        if extra := values.keys() - {field.name for field in known}:
            raise TypeError(f"{type(self).__name__} has no {', '.join(extra)}")
        for field in known:
            value = values.get(field.name, field.default)
            if value is dataclasses.MISSING:
                raise TypeError(f"{type(self).__name__} needs {field.name}")
            object.__setattr__(self, field.name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values().values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values().items())
        return f"{type(self).__name__}({values})"

    def fields(self) -> dict[str, str]:
        """The fields as the journal has them."""
        values = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {field.name: _written(value) for field, value in values if value != field.default}

    def _values(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def event_of(word: str, written: Mapping[str, str]) -> LogEvent | None:
    """The event that a journal entry tells of; None for a word nobody declared, or fields that do not fit it.

    Fields nobody declared are passed over: a later version may have more.
    """
    if word not in _BY_WORD:
        return None
    make: Callable[..., LogEvent] = _BY_WORD[word]
    try:
        return make(**{name: read(written[name]) for name, read in _readers(word).items() if name in written})
    except (TypeError, ValueError):
        return None


@cache
def _readers(word: str) -> Mapping[str, Callable[[str], object]]:
    kind = _BY_WORD[word]
    hints = get_type_hints(kind)
    return {field.name: _READERS[hints[field.name]] for field in dataclasses.fields(kind)}


def _written(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _items(text: str) -> tuple[str, ...]:
    return tuple(item for item in _split(text) if item)


def _split(text: str) -> Iterator[str]:
    """The items between spaces; a space in the quotes of an address is a part of it (RFC 5321 §4.1.2)."""
    parts: list[str] = []
    quoted = False
    for part in text.split(" "):
        parts.append(part)
        quoted ^= part.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 1
        if not quoted:
            yield " ".join(parts)
            parts.clear()
    yield from parts  # the quotes were none


_READERS: dict[object, Callable[[str], object]] = {
    str: str,
    int: _integer,
    int | None: _integer,
    float: _number,
    tuple[str, ...]: _items,
}
