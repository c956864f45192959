"""``testbed shell``: a shell, or one command, inside a lab's network."""

from __future__ import annotations

import argparse

from testbed.cli.held import one_scenario
from testbed.cli.inside import run_inside
from testbed.serving import speaker


def main(options: argparse.Namespace) -> int:
    """Play the steps, run the command in the lab, write the trace; the exit code is the command's."""
    scenario = one_scenario(options)
    return run_inside(options, scenario, speaker(scenario, options.on))
