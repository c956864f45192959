"""One declaration of each value that is written for programs: its name, what it means, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Generic, Never, TypeVar

Thing = TypeVar("Thing")
Of = TypeVar("Of", contravariant=True)
Schema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Field(Generic[Of]):
    """One field of something, as JSON writes it.

    ``means`` is a sentence; ``unit`` and ``source`` (an RFC, Wireshark, Zeek) are ``""`` for none.  Those that are not
    ``always`` there are written when they are asked for.  ``get`` is a function of the thing, or which attribute of it
    this is (default: the one of the same name); there an empty text is null where the kind allows that.
    """

    name: str
    kind: Schema
    means: str
    unit: str = ""
    source: str = ""
    always: bool = True
    get: Callable[[Of], object] | str = ""
    of: Callable[[Of], object] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        attribute = attrgetter(self.get or self.name) if isinstance(self.get, str) else None
        value = self.get if attribute is None else _or_none(attribute) if _takes_null(self.kind) else attribute
        object.__setattr__(self, "of", value)

    @property
    def description(self) -> str:
        """All that is to be said in one line."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        return self.means + unit + (f" Source: {self.source}." if self.source else "")


Fields = tuple[Field[Thing], ...]
AnyFields = Iterable[Field[Never]]


def written(fields: Fields[Thing], thing: Thing) -> dict[str, object]:
    """All fields of a thing by their names."""
    return {one.name: one.of(thing) for one in fields}


def each(fields: Fields[Thing], attribute: str) -> Callable[[object], Iterator[object]]:
    """What gets the things of an attribute one at a time, for outputs that are larger than memory."""
    things = attrgetter(attribute)
    return lambda whole: (written(fields, thing) for thing in things(whole))


def many(fields: Fields[Thing], attribute: str) -> Callable[[object], list[object]]:
    """What gets all things of an attribute."""
    things = attrgetter(attribute)
    return lambda whole: [written(fields, thing) for thing in things(whole)]


def within(attribute: str, fields: Fields[Thing]) -> Iterator[Field[object]]:
    """Fields of an attribute as those of the whole: null, or no items, where there is no such attribute."""
    part = attrgetter(attribute)
    for one in fields:

        def get(whole: object, one: Field[Thing] = one) -> object:
            found = part(whole)
            return one.of(found) if found is not None else () if one.kind.get("type") == "array" else None

        yield Field(one.name, one.kind, one.means, one.unit, one.source, one.always, get)


def _or_none(attribute: Callable[[object], object]) -> Callable[[object], object]:
    def value(thing: object) -> object:
        found = attribute(thing)
        return None if found == "" else found

    return value


def _takes_null(kind: Schema) -> bool:
    return None in _words(kind) if "enum" in kind else "null" in str(kind.get("type"))


def or_null(kind: Schema) -> Schema:
    """The kind of what may be null."""
    if "enum" in kind:
        return {"enum": [*_words(kind), None]}
    if "$ref" in kind:
        return {"anyOf": [kind, {"type": "null"}]}
    return {**kind, "type": [kind["type"], "null"]}


def _words(kind: Schema) -> list[object]:
    words = kind["enum"]
    assert isinstance(words, list)
    return words


def array(items: Schema) -> Schema:
    """The kind of a list."""
    return {"type": "array", "items": items}


def one_of(words: type[StrEnum] | Iterable[str]) -> Schema:
    """The kind of one of some words."""
    return {"enum": [str(word) for word in words]}


def ref(name: str) -> Schema:
    """The kind of an object that has a table."""
    return {"$ref": f"#/$defs/{name}"}


TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ORDINAL: Schema = {"type": "integer", "minimum": 1}
FLAG: Schema = {"type": "boolean"}

NS = "ns"
EPOCH = "ns since 1970-01-01 00:00 UTC"
OCTETS = "octets"
WIRESHARK_FRAME = "Wireshark frame.number"
