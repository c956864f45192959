"""The faults there are, told by their own descriptions: for ``testbed faults`` and for docs/faults.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from inspect import getdoc
from typing import Literal, get_args, get_origin

from msgspec import Struct, field
from pydantic.fields import FieldInfo

from testbed.scenario.base import Part
from testbed.scenario.faults import KINDS
from testbed.scenario.faults.when import When, Window
from testbed.scenario.glossary import Glossary


class Key(Struct, frozen=True):
    """A key of a fault: its name, what it says, and the words it may be, where they are fixed.

    ``told`` has what words say that do not speak for themselves.
    """

    name: str
    says: str
    words: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


class FaultKind(Struct, frozen=True):
    """A kind of fault: the key that says where, its description in paragraphs, and its keys."""

    where: str
    about: str
    keys: tuple[Key, ...]
    has_when: bool


def fault_kinds() -> tuple[FaultKind, ...]:
    """Every kind of fault, in the order of the table."""
    return tuple(
        FaultKind(where, getdoc(model) or "", tuple(_keys(model)), issubclass(model, When))
        for where, model in KINDS.items()
    )


def when_keys() -> tuple[Key, ...]:
    """The keys that say when, which kinds of faults have in common."""
    return tuple(_key(name, field) for name, field in When.model_fields.items())


def markdown() -> str:
    """docs/faults.md."""
    parts = [_OPENING, _table(when_keys())]
    for kind in fault_kinds():
        parts += [f"## `{kind.where}`", kind.about, _table(kind.keys), *_glossaries(kind.keys)]
    return "\n\n".join(parts) + "\n"


_OPENING = """# Faults

A fault says where, when, and what: its first key says where. This page is generated from the descriptions in
`testbed/scenario/faults/`; `testbed faults` prints the same. For examples, see
[the scenario language](scenarios.md#faults).

```
testbed faults
```

## When

Every fault about events (a command, a packet, a question) can say which of them it concerns. A fault about a whole host
takes only `from` and `until`."""


def _keys(model: type[Part]) -> Iterator[Key]:
    common = When.model_fields if issubclass(model, When) else Window.model_fields
    for name, info in model.model_fields.items():
        if name not in common or name in getattr(model, "__annotations__", {}):
            yield _key(name, info)


def _key(name: str, info: FieldInfo) -> Key:
    words = tuple(_words(info.annotation))
    glossaries = [*info.metadata, *_metadata(info.annotation)]
    told = {word: one.texts[word] for one in glossaries if isinstance(one, Glossary) for word in one.texts}
    return Key(info.alias or name, info.description or "", words, told)


def _words(annotation: object) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for inner in get_args(annotation):
            yield from _words(inner)


def _metadata(annotation: object) -> Iterator[object]:
    """What stands beside a type in ``Annotated``, at whatever depth."""
    yield from getattr(annotation, "__metadata__", ())
    for inner in get_args(annotation):
        yield from _metadata(inner)


def _glossaries(keys: Iterable[Key]) -> Iterator[str]:
    for key in keys:
        if key.told:
            rows = [f"| `{word}` | {says} |" for word, says in key.told.items()]
            yield "\n".join([f"| `{key.name}` | |", "| --- | --- |", *rows])


def _table(keys: tuple[Key, ...]) -> str:
    rows = ["| key | says |", "| --- | --- |"]
    for key in keys:
        words = f" One of {', '.join(f'`{word}`' for word in key.words)}." if len(key.words) > 1 else ""
        words = " Its words are below." if key.words and all(word in key.told for word in key.words) else words
        if len(key.words) == 1:
            words = "" if f"'{key.words[0]}'" in key.says else f" Or `{key.words[0]}`."
        rows.append(f"| `{key.name}` | {key.says}{words} |")
    return "\n".join(rows)


def as_json() -> str:
    """The same, for programs."""
    kinds = [
        {
            "where": kind.where,
            "about": kind.about,
            "keys": [
                {"key": key.name, "says": key.says, "words": list(key.words), "told": dict(key.told)}
                for key in kind.keys
            ],
        }
        for kind in fault_kinds()
    ]
    return json.dumps({"when": [{"key": k.name, "says": k.says} for k in when_keys()], "faults": kinds}, indent=2)


if __name__ == "__main__":
    print(markdown(), end="")
