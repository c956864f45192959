"""``testbed subjects``: the ready-made programs there are, and those that can be fetched."""

from __future__ import annotations

import argparse
from difflib import get_close_matches

from rich.table import Table
from rich.text import Text

from testbed.cli import HELD
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.subjects.install import install
from testbed.subjects.installed import find, why_not
from testbed.subjects.subject import Subject, subjects

_INSTALL = "install"


def main(options: argparse.Namespace) -> int:
    """List them, tell about one, or fetch one.  Raises UsageError, MachineError."""
    words: list[str] = options.words
    if not words:
        _list()
    elif words == [_INSTALL] or len(words) > 2 or (len(words) == 2 and words[0] != _INSTALL):
        raise UsageError("say 'testbed subjects', 'testbed subjects NAME' or 'testbed subjects install NAME'")
    elif words[0] == _INSTALL:
        _install(_named(words[1]))
    else:
        _tell(_named(words[0]))
    return HELD


def _named(name: str) -> Subject:
    if name in subjects():
        return subjects()[name]
    near = get_close_matches(name, subjects(), 1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(subjects())}"
    raise UsageError(f"there is no ready-made program '{shown(name)}'; {hint}")


def _list() -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("name", "plays", "as", "here"):
        table.add_column(heading)
    for subject in subjects().values():
        rights = "root" if subject.root else "anybody"
        table.add_row(Text(subject.name, "bold"), ", ".join(subject.plays), rights, _here(subject))
    console().print(table)


def _here(subject: Subject) -> Text:
    found, wrong = find(subject), why_not(subject)
    if found is None or wrong:
        return Text(wrong, "skipped")
    where = f"in {found.root}" if found.root is not None else "as the machine has it"
    return Text(f"{subject.title} {found.version or 'of an unknown version'}, {where}", "held")


def _tell(subject: Subject) -> None:
    out = console()
    out.print(Text.assemble((subject.title, "bold"), ": ", " or ".join(subject.plays)))
    out.print(_here(subject))
    rights = "It changes to users of its own, which takes root's rights." if subject.root else "Anybody may run it."
    for sentence in (rights, f"Its production files go to {subject.configuration}/.", *subject.quirks):
        out.print(Text(f"- {sentence}"))


def _install(subject: Subject) -> None:
    def tell(what: str) -> None:
        print(what, flush=True)

    root = install(subject, tell)
    if root is None:
        print(f"{subject.title} is installed on this machine already; nothing is fetched.")
    else:
        print(f"{subject.title} lies in {shown(root)}. 'rm -r' takes it away again; nothing else was changed.")
