"""``testbed faults``: every fault there is, with its keys."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from testbed.catalogue import CATALOGUE, located
from testbed.cli import HELD
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.scenario.fault_reference import Key, as_json, fault_kinds, when_keys
from testbed.scenario.faults import KINDS
from testbed.scenario.synonyms import meanings, mentions

_FEW = 3
_IN_BRACES = re.compile(r"^ *- (\{(\w+): .*\})", re.M)


def main(options: argparse.Namespace) -> int:
    """Print the reference, or what of it has a word.  Raises UsageError where nothing has."""
    if options.json:
        print(as_json())
        return HELD
    out = console()
    if options.word is not None:
        _about(out, options.word)
        return HELD
    for kind in fault_kinds():
        out.print(Text(f"{kind.where}: …", "bold"), Text(kind.about.splitlines()[0]), sep="  ")
        out.print(_table(kind.keys))
    out.print(Text("when", "bold"), Text("Of the events a fault is about, it happens to"), sep="  ")
    out.print(_table(when_keys()))
    return HELD


def _about(out: Console, word: str) -> None:
    """The keys that have the word, or another for the same, and a fault of the catalogue of each kind."""
    words = meanings(word)
    examples = _examples(words)
    found = [(kind, tuple(key for key in kind.keys if _has(key, words))) for kind in fault_kinds()]
    found = [(kind, keys) for kind, keys in found if keys or kind.where in examples]
    if not found:
        raise UsageError(f"no fault has '{shown(word)}'; 'testbed faults' shows all")
    for kind, keys in found:
        out.print(Text(f"{kind.where}: …", "bold"), Text(kind.about.splitlines()[0]), sep="  ")
        if keys:
            out.print(_table(tuple(_narrowed(key, words) for key in keys)))
        if kind.where in examples:
            out.print(Text.assemble("  e.g.  ", (f"- {examples[kind.where]}", "cyan")), soft_wrap=True)
    out.print(Text(f"scenarios with it: testbed list {shown(word)}", "quiet"))


def _has(key: Key, words: tuple[str, ...]) -> bool:
    return mentions(f"{key.name} {key.says}", words) or any(_means(key, word, words) for word in key.words)


def _means(key: Key, word: str, words: tuple[str, ...]) -> bool:
    """Whether a word of a key is one of these, or is told with the first, which is what was asked for."""
    return mentions(word, words) or mentions(key.told.get(word, ""), words[:1])


def _narrowed(key: Key, words: tuple[str, ...]) -> Key:
    """The key with only those of its words that are meant, where it is they that are."""
    meant = tuple(word for word in key.words if _means(key, word, words))
    told = {word: says for word, says in key.told.items() if word in meant}
    return replace(key, words=meant, told=told) if meant and not mentions(key.name, words) else key


def _examples(words: tuple[str, ...]) -> dict[str, str]:
    """Of each kind the fault of the catalogue that says it best; none where there is no catalogue."""
    try:
        root = Path(located(CATALOGUE, "scenarios"))
    except UsageError:
        return {}
    found: dict[str, list[str]] = {}
    for file in sorted(root.rglob("*.yaml")):
        for fault, where in _IN_BRACES.findall(file.read_text("utf-8")):
            if where in KINDS and mentions(fault, words):
                found.setdefault(where, []).append(fault)
    return {where: min(faults, key=lambda fault: _rank(fault, words)) for where, faults in found.items()}


def _rank(fault: str, words: tuple[str, ...]) -> tuple[bool, int, int]:
    """The lower the better: without parameters of a matrix, with the first of the words, short."""
    return "$" in fault, next(n for n, word in enumerate(words) if mentions(fault, [word])), len(fault)


def _table(keys: tuple[Key, ...]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for key in keys:
        untold = tuple(word for word in key.words if word not in key.told)
        says = Text.assemble(key.says, *((line, "dim") for line in _lines(untold)))
        table.add_row(Text(key.name, "cyan"), Group(says, _told(key.told)) if key.told else says)
    return table


def _told(told: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for word, says in told.items():
        table.add_row(Text(word, "cyan"), Text(says, "dim"))
    return table


def _lines(words: tuple[str, ...]) -> Iterator[str]:
    """Single words after what is said of them; those that begin alike on a line of their own, their beginning once."""
    alike = Counter(word.partition(" ")[0] for word in words)
    first = [word for word in words if alike[word.partition(" ")[0]] <= _FEW]
    if first:
        yield " " + " · ".join(first)
    for beginning, number in alike.items():
        if number > _FEW:
            ends = [word.partition(" ")[2] for word in words if word.startswith(f"{beginning} ")]
            yield f"\n{beginning} + {' · '.join(ends)}"
