"""``testbed check``."""

from __future__ import annotations

import argparse

from testbed.cli import HELD
from testbed.plural import count
from testbed.scenario.load import discover, load_all
from testbed.scenario.reach import Reach


def main(options: argparse.Namespace) -> int:
    """Validate scenario files; every mistake of every file is named."""
    found = discover(options.paths)
    scenarios = load_all(found.files, Reach.given(options.paths, allow_outside=options.allow_outside))
    for scenario in scenarios:
        print(f"{scenario.file}: {scenario.title}")
    print(f"{count(len(scenarios), 'scenario')}, no mistakes")
    if found.left_out:
        print(found.left_out)
    return HELD
