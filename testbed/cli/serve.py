"""``testbed serve``: a lab held open, its ports forwarded to this machine."""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing.connection import Connection

from rich.text import Text

from testbed.cli import HELD
from testbed.cli.held import Held, one_scenario, show_services
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.report.console import console
from testbed.serving import Forward, OpenedLab, Serving


def main(options: argparse.Namespace) -> int:
    """Play the steps, forward ports until Ctrl-C, SIGTERM, SIGHUP, or for so many seconds, write the trace."""
    scenario = one_scenario(options)
    forwards = [_forward(text) for text in options.forwards]
    out = console(sys.stdout)
    ends = float("inf")

    def holder(tell: Connection) -> Serving:
        return Serving(scenario, forwards, tell, plays_steps=options.steps)

    def opened(served: OpenedLab) -> None:
        nonlocal ends
        show_services(out, served.services, forwarded=True)
        until = f"for {options.seconds:g} s, or until Ctrl-C" if options.seconds else "until Ctrl-C"
        out.print(Text(f"The lab is open {until}; its time is real time.", "quiet"))
        sys.stdout.flush()
        ends = time.monotonic() + (options.seconds or float("inf"))

    def tick() -> None:
        nonlocal ends
        if time.monotonic() > ends:
            ends = float("inf")
            held.runner.stop()

    held = Held(scenario, options, holder, opened, tick, heeds_ctrl_c=True)
    played = held.live()
    if played.trace is not None:
        out.print(Text(f"trace in {shown(str(played.trace))}"), soft_wrap=True)
    return HELD


def _forward(text: str) -> Forward:
    """``8080:someschool.edu:80``.  Raises UsageError."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in (parts[0], parts[2])):
        raise UsageError(f"--forward '{text[:80]}': write PORT:HOST:PORT, e.g. 8080:someschool.edu:80")
    outside, port = int(parts[0]), int(parts[2])
    if not (0 < outside < 65_536 and 0 < port < 65_536):
        raise UsageError(f"--forward '{text[:80]}': a port is a number from 1 to 65535")
    return Forward(outside, parts[1], port)
