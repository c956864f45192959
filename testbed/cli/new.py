"""``testbed new``: a commented scenario to begin with."""

from __future__ import annotations

import argparse
import os
from difflib import get_close_matches
from pathlib import Path

from testbed.cli import HELD
from testbed.cli.help import heading, rows
from testbed.errors import UsageError, not_written
from testbed.protocols.text import shown
from testbed.scenario.schema import FILE, schema_text
from testbed.scenario.templates import purpose, templates
from testbed.whole_file import whole_file


def main(options: argparse.Namespace) -> int:
    """List the templates, print one, or write it to a file, beside it the schema that editors need."""
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
    if path.exists():
        raise UsageError(f"{shown(path)} is there already, and is left as it is; choose another name")
    known_schema = _schema_near(path)
    schema = known_schema or path.with_name(FILE)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# yaml-language-server: $schema={os.path.relpath(schema, path.parent)}\n{text}")
        if known_schema is None:
            with whole_file(schema) as beside:
                beside.write(schema_text().encode())
    except OSError as error:
        raise not_written(f"{shown(error.filename or path)} cannot be written", error) from None
    print(f"{shown(path)}: {purpose(text)} Now: testbed run {shown(path)}")
    if known_schema is None:
        print(f"{shown(schema)}: what editors complete and check by; keep it beside your scenarios, for everyone.")
    elif known_schema.read_bytes() != schema_text().encode():
        there = shown(os.path.relpath(known_schema))
        print(f"{there} is of another version. Now: testbed schema > {there}")
    return HELD


def _schema_near(path: Path) -> Path | None:
    """The schema in the folder of a file, or in one above it that is the working directory or below."""
    here, top = Path(os.path.abspath(path)).parent, Path.cwd()
    above = [here, *here.parents] if here.is_relative_to(top) else [here]
    folders = [folder for folder in above if folder == here or folder.is_relative_to(top)]
    return next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)
