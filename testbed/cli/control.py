"""``testbed serve --control``: labs in the hands of programs in any language, and of a page."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from rich.console import Console
from rich.text import Text

from testbed.cli import HELD
from testbed.cli.command import Command
from testbed.cli.held import one_scenario, show_passwords, show_services
from testbed.cli.network import chosen_network
from testbed.cli.run_ending import exit_code
from testbed.control import ControlServer, Labs
from testbed.control.labs import ControlledLab
from testbed.errors import UsageError
from testbed.interruption import Interruption
from testbed.net.orphans import die_with_parent
from testbed.protocols.text import shown
from testbed.report import verdicts
from testbed.report.console import console
from testbed.report.what_failed import what_failed
from testbed.run_folder import RunFolder

_LOOK_S = 0.1


def serve_controlled(options: argparse.Namespace) -> int:
    """Answer until Ctrl-C, SIGTERM, SIGHUP, after so many seconds, or until the command has ended.

    Raises UsageError and LabError.
    """
    _check(options)
    scenario = one_scenario(options) if options.path is not None else None
    command = Command(options.foreign) if options.foreign else None
    out = console(sys.stderr if options.foreign else sys.stdout)
    folder = RunFolder(options.keep)
    network = str(chosen_network(options))
    labs = Labs(keep=str(folder.path), network=network, allow_outside=options.allow_outside)
    with folder, Interruption(heeds_ctrl_c=command is None) as heard, ControlServer(labs, options.control) as server:
        lab = labs.bring_up(scenario, play_steps=options.steps) if scenario is not None else None
        _show(out, server, lab, options)
        if command is not None:
            own = lab.bed.environment(trust=options.trust) if lab is not None else os.environ
            environment = {**own, **server.environment}
            command.start(lambda words: subprocess.Popen(words, env=environment, preexec_fn=die_with_parent))
        ends = time.monotonic() + (options.seconds or float("inf"))
        while not heard.number and time.monotonic() < ends and not (command is not None and command.has_ended()):
            time.sleep(_LOOK_S)
    judged = _told(out, labs, judges=options.judge)
    return (command.code if command is not None else HELD) or judged


def _check(options: argparse.Namespace) -> None:
    if options.scenario_time:
        raise UsageError("--scenario-time is for a command inside of one lab; with --control, let time pass by 'wait'")
    if options.forwards:
        raise UsageError("--control finds ports by itself, and tells them; leave --forward out")
    if options.foreign and options.seconds:
        raise UsageError("the lab is open as long as the command runs; leave --for out")
    if options.path is None and options.case:
        raise UsageError("--case is one of a scenario's; name its file")


def _show(out: Console, server: ControlServer, lab: ControlledLab | None, options: argparse.Namespace) -> None:
    if lab is not None:
        show_services(out, lab.bed.services, forwarded=True)
        show_passwords(out, lab.bed.scenario)
    for name, value in (("control", server.url), ("token", server.token), ("page", server.page)):
        out.print(Text.assemble((f"{name:<8}", "host"), (value, "info")), soft_wrap=True)
    until = f"for {options.seconds:g} s, or until Ctrl-C" if options.seconds else "until Ctrl-C"
    until = f"until {shown(options.foreign[0])} ends" if options.foreign else until
    out.print(Text(f"Open {until}. Who has the token may run programs here as you: keep it to yourself.", "quiet"))
    out.file.flush()


def _told(out: Console, labs: Labs, *, judges: bool) -> int:
    """Say where the traces are and, where it ``judges``, what held; gives the exit code for that."""
    outcomes = [lab.outcome for lab in labs.all() if lab.outcome is not None]
    for outcome in outcomes:
        if judges:
            out.print(verdicts.outcome(outcome))
        if outcome.played.trace is not None:
            out.print(Text(f"trace in {shown(str(outcome.played.trace))}"), soft_wrap=True)
    if judges:
        what_failed(out, outcomes, whole=True)
    return exit_code(outcomes) if judges else HELD
