"""``testbed reproduce``: from a capture to a scenario that plays it again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from testbed.cli import FAILED, HELD
from testbed.errors import not_written
from testbed.protocols.text import shown
from testbed.reproduce.evidence import evidence
from testbed.reproduce.search import search
from testbed.whole_file import whole_file


def main(options: argparse.Namespace) -> int:
    """Write the scenario; 1 when it does not come out the same.  Raises UsageError, CaptureError, LabError."""
    analysis = evidence(options.capture, options.filters, options.keylog, options.connections)
    found = search(analysis, shown(Path(options.capture).name), keep_names=options.keep_names)
    if not options.play:
        _write(options.output, next(found).text)
        return HELD
    from testbed.reproduce.played import reproduced

    came = reproduced(found)
    _write(options.output, came.attempt.text)

    from testbed.report.console import console
    from testbed.report.reproduced import reproduced_table

    reproduced_table(console(sys.stderr), came)
    return HELD if came.same else FAILED


def _write(output: str | None, text: str) -> None:
    if output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")
        print(text, end="")
        sys.stdout.flush()
        return
    try:
        with whole_file(Path(output)) as out:
            out.write(text.encode())
    except OSError as error:
        raise not_written(f"{shown(output)}: the scenario cannot be written", error) from None
