"""``testbed demo``: one scenario of the catalogue with its trace, and what to do next."""

from __future__ import annotations

import argparse

from testbed.catalogue import CATALOGUE
from testbed.cli import run
from testbed.cli.help import heading, rows

_SCENARIO = f"{CATALOGUE}/mailbox-full"
_NEXT = (
    (f"testbed inspect --html report.html {_SCENARIO}", "the same as a page to look at"),
    ("testbed list server hangs", "the scenarios about something; without words, all"),
    (f"testbed run {CATALOGUE}/dns", "play a folder of them"),
    ("testbed new mailbox mine.yaml", "begin one of your own"),
    ("testbed serve mine.yaml", "hold its servers open for your mail program"),
)


def main(options: argparse.Namespace) -> int:
    """Play it, and give its exit code."""
    from testbed.cli.parser import parse

    code = run.main(parse(["run", "-vv", "--network", options.network, _SCENARIO]))
    print(f"\n{heading('Next:')}\n{rows(_NEXT)}")
    return code
