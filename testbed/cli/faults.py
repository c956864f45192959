"""``testbed faults``: every fault there is, with its keys."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testbed.cli import HELD
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.scenario.fault_reference import Key, as_json, fault_kinds, when_keys
from testbed.scenario.synonyms import meanings, mentions

_FEW = 3


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
    """The keys that have the word, or another for the same, and where there are examples."""
    words = meanings(word)
    found = [(kind, keys) for kind in fault_kinds() if (keys := tuple(key for key in kind.keys if _has(key, words)))]
    if not found:
        raise UsageError(f"no fault has '{shown(word)}'; 'testbed faults' shows all")
    for kind, keys in found:
        out.print(Text(f"{kind.where}: …", "bold"), Text(kind.about.splitlines()[0]), sep="  ")
        out.print(_table(keys))
    out.print(Text(f"scenarios with it: testbed list {shown(word)}", "quiet"))


def _has(key: Key, words: tuple[str, ...]) -> bool:
    return mentions(" ".join((key.name, key.says, *key.words)), words)


def _table(keys: tuple[Key, ...]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for key in keys:
        table.add_row(Text(key.name, "cyan"), Text.assemble(key.says, *((line, "dim") for line in _lines(key.words))))
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
