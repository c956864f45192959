"""A command on a host of a lab that is held open for it: what ``shell`` does, and ``serve`` in scenario time."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from rich.text import Text

from testbed.cli.command import Command
from testbed.cli.held import Held, show_services
from testbed.errors import UsageError
from testbed.net.entry import start_inside
from testbed.net.program_time.library import scenario_time_library
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.scenario.scenario import Scenario
from testbed.serving import InsideOnly, OpenedLab
from testbed.variables import inside_environment


def run_inside(options: argparse.Namespace, scenario: Scenario, host: str) -> int:
    """Play the steps, run the command on a host of the lab, write the trace; the exit code is the command's.

    In scenario time nobody is asked anything: what the command read from a terminal would be awaited for days.
    Raises UsageError and LabError.
    """
    if options.scenario_time:
        if not options.foreign:
            raise UsageError(
                "--scenario-time is for a command, as nobody can tell what a person waits for: add -- COMMAND"
            )
        scenario_time_library()  # which may be missing: better said before anything starts
    command = Command(options.foreign or [os.environ.get("SHELL") or "/bin/sh"])
    out = console(sys.stderr)

    def opened(served: OpenedLab) -> None:
        if not options.foreign:
            show_services(out, served.services, forwarded=False)
            out.print(Text(f"You are {host}. Names resolve; 'exit' ends the lab.", "quiet"))
        entry = served.entry
        assert entry is not None

        def start(words: Sequence[str]) -> subprocess.Popen[bytes]:
            stdin = subprocess.DEVNULL if options.scenario_time else None
            environment = inside_environment(entry, served.services, trusts=options.trust)
            return start_inside(entry, words, environment, stdin)

        process = command.start(start)
        if process and options.scenario_time:
            held.line.send(process)

    def tick() -> None:
        if command.has_ended():
            held.runner.stop()

    held = Held(
        scenario,
        options,
        lambda line: InsideOnly(host, line, plays_steps=options.steps, on_clock=options.scenario_time),
        opened,
        tick,
        heeds_ctrl_c=False,
    )
    played = held.live()
    if played.trace is not None:
        out.print(Text(f"trace in {shown(str(played.trace))}", "quiet"), soft_wrap=True)
    return command.code
