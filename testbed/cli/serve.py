"""``testbed serve``: a lab held open, its ports forwarded to this machine."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.text import Text

from testbed.cli import HELD
from testbed.cli.command import Command
from testbed.cli.held import Held, one_scenario, show_passwords, show_services
from testbed.cli.inside import run_inside
from testbed.cli.network import chosen_network
from testbed.cli.run_ending import exit_code
from testbed.errors import UsageError
from testbed.lab.addresses import OUTSIDE
from testbed.net.orphans import die_with_parent
from testbed.outcome import Outcome
from testbed.protocols.text import shown
from testbed.report import verdicts
from testbed.report.console import console
from testbed.report.findings import findings, in_a_line
from testbed.report.what_failed import what_failed
from testbed.serving import Forward, OpenedLab, Serving
from testbed.trace.model.finding import Finding
from testbed.variables import authority_file, outside_environment


def main(options: argparse.Namespace) -> int:
    """Play the steps, forward ports, write the trace.

    It ends by Ctrl-C, SIGTERM, SIGHUP, after so many seconds, or with the command, whose exit code it has then.
    """
    if options.control is not None:
        from testbed.cli.control import serve_controlled  # a web server, which others do without

        return serve_controlled(options)
    if options.path is None:
        raise UsageError("name a scenario file; without one, say --control")
    scenario = one_scenario(options)
    forwards = [_forward(text) for text in options.forwards]
    if options.scenario_time:
        if forwards:
            raise UsageError("--scenario-time runs the command inside the lab; leave --forward out")
        _no_seconds(options)
        return run_inside(options, scenario, OUTSIDE)
    if options.foreign:
        _no_seconds(options)
    command = Command(options.foreign) if options.foreign else None
    out = console(sys.stderr if options.foreign else sys.stdout)
    ends = float("inf")

    def holder(tell: Connection) -> Serving:
        return Serving(scenario, forwards, tell, plays_steps=options.steps, overhears=True)

    def opened(served: OpenedLab) -> None:
        nonlocal ends
        authority = authority_file(served, held.trace)
        show_services(out, served.services, forwarded=True)
        show_passwords(out, scenario)
        _show_rest(out, authority, options)
        if command is not None:
            environment = outside_environment(served.services, authority, trusts=options.trust)
            command.start(lambda words: subprocess.Popen(words, env=environment, preexec_fn=die_with_parent))
        ends = time.monotonic() + (options.seconds or float("inf"))

    def tick() -> None:
        nonlocal ends
        if time.monotonic() > ends or (command is not None and command.has_ended()):
            ends = float("inf")
            held.runner.stop()

    def told(line: str | Text) -> None:
        out.print(Text.assemble((time.strftime("%H:%M:%S "), "quiet"), line), soft_wrap=True)
        out.file.flush()

    def found(finding: Finding) -> None:
        told(in_a_line(finding))

    held = Held(
        scenario,
        options,
        holder,
        opened,
        tick,
        heeds_ctrl_c=command is None,
        network=chosen_network(options),
        told=told,
        found=found,
    )
    played = held.live()
    outcome = held.outcome
    if outcome is not None and outcome.findings:
        out.print(findings(outcome.findings))
    judged = _judged(out, outcome) if options.judge and outcome is not None else HELD
    if played.trace is not None:
        out.print(Text(f"trace in {shown(str(played.trace))}"), soft_wrap=True)
    return (command.code if command is not None else HELD) or judged


def _show_rest(out: Console, authority: Path | None, options: argparse.Namespace) -> None:
    """Who signs the lab's certificates, and until when it is open."""
    if authority is not None:
        line = Text.assemble(("certificates", "host"), "  signed by ", (shown(str(authority)), "info"))
        out.print(line, soft_wrap=True)
    until = f"for {options.seconds:g} s, or until Ctrl-C" if options.seconds else "until Ctrl-C"
    until = f"until {shown(options.foreign[0])} ends" if options.foreign else until
    out.print(Text(f"The lab is open {until}; its time is real time.", "quiet"))
    out.file.flush()


def _judged(out: Console, outcome: Outcome) -> int:
    """Say what held of what the scenario expects, with the evidence, and give the exit code for it."""
    out.print(verdicts.outcome(outcome))
    what_failed(out, [outcome], whole=True)
    return exit_code([outcome])


def _no_seconds(options: argparse.Namespace) -> None:
    if options.seconds:
        raise UsageError("the lab is open as long as the command runs; leave --for out")


def _forward(text: str) -> Forward:
    """``8080:someschool.edu:80``.  Raises UsageError."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in (parts[0], parts[2])):
        raise UsageError(f"--forward '{text[:80]}': write PORT:HOST:PORT, e.g. 8080:someschool.edu:80")
    outside, port = int(parts[0]), int(parts[2])
    if not (0 < outside < 65_536 and 0 < port < 65_536):
        raise UsageError(f"--forward '{text[:80]}': a port is a number from 1 to 65535")
    return Forward(outside, parts[1], port)
