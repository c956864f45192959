"""``testbed check``."""

from __future__ import annotations

import argparse

from testbed.cli import HELD
from testbed.cli.untrusted import bounded, reach, why_refused
from testbed.errors import UsageError
from testbed.plural import count
from testbed.protocols.text import shown
from testbed.scenario.load import discover, load_all


def main(options: argparse.Namespace) -> int:
    """Validate scenario files; every mistake and former spelling of every file is named.  Raises UsageError."""
    found = discover(options.paths)
    scenarios = load_all(found.files, reach(options))
    bounded(scenarios, options)
    if refused := [f"{shown(one.file)}: {why}" for one in scenarios if (why := why_refused(one, options))]:
        raise UsageError("\n".join(dict.fromkeys(refused)))
    for scenario in scenarios:
        print(f"{shown(scenario.file)}: {scenario.title}")
    former = dict.fromkeys(hint for scenario in scenarios for hint in scenario.former)
    for hint in former:
        print(f"hint: {hint}")
    told = f"; {count(len(former), 'former spelling')}, still read"
    print(f"{count(len(scenarios), 'scenario')}, no mistakes{told if former else ''}")
    if found.left_out:
        print(found.left_out)
    return HELD
