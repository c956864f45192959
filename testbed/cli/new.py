"""``testbed new``: a commented scenario to begin with."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from pathlib import Path

from testbed.cli import HELD
from testbed.cli.help import heading, rows
from testbed.errors import UsageError, not_written
from testbed.protocols.text import shown
from testbed.scenario.templates import purpose, templates


def main(options: argparse.Namespace) -> int:
    """List the templates, print one, or write it to a file."""
    known = templates()
    if options.template is None:
        print(heading("Templates:"))
        print(rows([(name, purpose(text)) for name, text in known.items()]))
        print("\n'testbed new TEMPLATE FILE.yaml' writes one; without FILE it is printed.")
        return HELD
    if options.template not in known:
        near = get_close_matches(options.template, known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"there is no template '{options.template}'; {hint}")
    text = known[options.template]
    if options.file is None:
        print(text, end="")
        return HELD
    path = Path(options.file)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{shown(path)} already exists and is left unchanged; choose another name") from None
    except OSError as error:
        raise not_written(f"{shown(path)} cannot be written", error) from None
    print(f"{shown(path)}: {purpose(text)} Now: testbed run {shown(path)}")
    return HELD
