"""``testbed demo``: one scenario of the catalogue with its trace, and what to do next."""

from __future__ import annotations

import argparse
import os
import sys
from shutil import which

from testbed.catalogue import CATALOGUE
from testbed.cli import run
from testbed.cli.help import heading, rows

_SCENARIO = f"{CATALOGUE}/mailbox-full"
_NEXT = (
    (f"inspect --html report.html {_SCENARIO}", "the same as a page to look at"),
    ("list server hangs", "the scenarios about something; without words, all"),
    (f"run {CATALOGUE}/dns", "play a folder of them"),
    ("new mailbox mine.yaml", "begin one of your own"),
    ("serve mine.yaml", "hold its servers open for your mail program"),
)


def main(options: argparse.Namespace) -> int:
    """Play it, and give its exit code."""
    from testbed.cli.parser import parse

    code = run.main(parse(["run", "-vv", "--network", options.network, _SCENARIO]))
    print(f"\n{heading('Next:')}\n{rows([(f'{_called()} {words}', why) for words, why in _NEXT])}")
    return code


def _called() -> str:
    """How the program is called from here: by its name where that is found, else by its path."""
    return "testbed" if which("testbed") or sys.argv[0].endswith("__main__.py") else os.path.relpath(sys.argv[0])
