"""``testbed shell``: a shell, or one command, inside a lab's network."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from rich.text import Text

from testbed.cli.held import Held, one_scenario, show_services
from testbed.errors import reason
from testbed.net.programs import start_inside
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.serving import InsideOnly, OpenedLab, speaker

CANNOT_RUN, NOT_FOUND = 126, 127  # as shells have it
_KILLED = 128


def main(options: argparse.Namespace) -> int:
    """Play the steps, run the command in the lab, write the trace; the exit code is the command's."""
    scenario = one_scenario(options)
    who = speaker(scenario, options.on)
    command = options.foreign or [os.environ.get("SHELL") or "/bin/sh"]
    out = console(sys.stderr)
    inside: subprocess.Popen[bytes] | None = None
    code = NOT_FOUND

    def opened(served: OpenedLab) -> None:
        nonlocal inside, code
        if not options.foreign:
            show_services(out, served.services, forwarded=False)
            out.print(Text(f"You are {who}. Names resolve; 'exit' ends the lab.", "quiet"))
        try:
            inside = start_inside(served.pid, who, command)
        except OSError as error:
            print(f"error: {command[0]} cannot be run: {reason(error)}", file=sys.stderr)
            code = NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
            held.runner.stop()

    def tick() -> None:
        nonlocal inside, code
        if inside is not None and inside.poll() is not None:
            code = inside.returncode if inside.returncode >= 0 else _KILLED - inside.returncode
            inside = None
            held.runner.stop()

    held = Held(
        scenario,
        options,
        lambda tell: InsideOnly(who, tell, plays_steps=options.steps),
        opened,
        tick,
        heeds_ctrl_c=False,
    )
    played = held.live()
    if played.trace is not None:
        out.print(Text(f"trace in {shown(str(played.trace))}", "quiet"), soft_wrap=True)
    return code
