"""What an event of the log is, and the one way to and from the fields of a journal entry.

A journal knows strings only.  A number is written in decimal, a list with spaces between its items.  A field at its
default is left out; one without a default is always there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import ClassVar, TypeVar, dataclass_transform, get_type_hints

_INTEGER = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """Something a host, the wire or the lab has done; ``word`` names it in the journal."""

    word: ClassVar[str] = ""

    def fields(self) -> dict[str, str]:
        """The fields as the journal has them."""
        values = ((field, getattr(self, field.name)) for field in fields(self))
        return {field.name: _written(value) for field, value in values if value != field.default}


Kind = TypeVar("Kind", bound=LogEvent)
_BY_WORD: dict[str, type[LogEvent]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(word: str) -> Callable[[type[Kind]], type[Kind]]:
    """Make a class an event, a frozen dataclass that is known by this word."""

    def made(kind: type[Kind]) -> type[Kind]:
        kind = dataclass(frozen=True, slots=True, kw_only=True)(kind)
        kind.word = word
        _BY_WORD[word] = kind
        return kind

    return made


def event_of(word: str, written: Mapping[str, str]) -> LogEvent | None:
    """The event that a journal entry tells of; None for a word nobody declared, or fields that do not fit it.

    Fields nobody declared are passed over: a later version may have more.
    """
    if word not in _BY_WORD:
        return None
    make, readers, required = _reading(word)
    if not required <= written.keys():
        return None
    try:
        return make(**{name: read(written[name]) for name, read in readers.items() if name in written})
    except ValueError:
        return None


@cache
def _reading(word: str) -> tuple[Callable[..., LogEvent], Mapping[str, Callable[[str], object]], frozenset[str]]:
    """The class, how to read each of its fields, and which must be there."""
    kind = _BY_WORD[word]
    hints = get_type_hints(kind)
    readers = {field.name: _READERS[hints[field.name]] for field in fields(kind)}
    return kind, readers, frozenset(field.name for field in fields(kind) if field.default is MISSING)


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
