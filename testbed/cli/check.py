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
    """Validate scenario files; every mistake of every file is named.  Raises UsageError."""
    found = discover(options.paths)
    scenarios = load_all(found.files, reach(options))
    bounded(scenarios, options)
    if refused := [f"{shown(one.file)}: {why}" for one in scenarios if (why := why_refused(one, options))]:
        raise UsageError("\n".join(dict.fromkeys(refused)))
    for scenario in scenarios:
        print(f"{shown(scenario.file)}: {scenario.title}")
    print(f"{count(len(scenarios), 'scenario')}, no mistakes")
    if found.left_out:
        print(found.left_out)
    return HELD
