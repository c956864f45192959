"""The step that runs a program of the user's: whose address it has, what it said, how it ended.

Where time is real while it runs, nothing may jump: nobody can tell whether it waits for something.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from testbed.durations import SECOND
from testbed.errors import StepError, reason
from testbed.lab.confined_run import run_confined
from testbed.lab.context import LabContext
from testbed.lab.network import rto_min_ms
from testbed.lab.program_host import ProgramHost
from testbed.lab.program_output import ProgramOutput
from testbed.net.programs import on_host, speaking_as
from testbed.protocols import events
from testbed.protocols.text import shown
from testbed.scenario.program_hosts import filled
from testbed.scenario.programs import TIMED_OUT, RunStep

MAX_LINES = 200


async def run_program(lab: LabContext, step: RunStep, host: ProgramHost | None) -> None:
    """Run a step's program to its end; ``host`` is where, if a program plays it.  Raises StepError when it cannot."""
    assert step.on is not None
    loop, log = lab.loop, lab.journal.of(step.on)
    output = ProgramOutput(log, MAX_LINES)
    time = loop.real_time() if step.time == "real" else nullcontext()
    with time, nullcontext() if host else speaking_as(lab.addresses[step.on], rto_min_ms(lab.scenario)):
        started = loop.elapsed_ns()
        status = await _run(lab, step, host, output)
        took = loop.elapsed_ns() - started
    killed = status == TIMED_OUT and took >= step.time_limit
    how = f"is killed after {step.time_limit / SECOND:g} s" if killed else f"exits with status {status}"
    log(events.Exited(command=step.command_line, status=status), f"{step.command[0]} {how}")


async def _run(lab: LabContext, step: RunStep, host: ProgramHost | None, output: ProgramOutput) -> int:
    name = step.on or ""
    facts = lab.programs.facts(name)
    command = [filled(word, facts) for word in step.command]
    move = partial(host.namespace.enter if host else on_host, name)
    clock = lab.clock.programs if step.time == "scenario" else lab.clock_of(name)
    try:
        status = await run_confined(lab, name, command, move, output.read, step.time_limit, clock)
    except OSError as error:
        raise StepError(_cannot(step, error), shown(lab.scenario.file), step.line) from error
    output.end()
    return TIMED_OUT if status is None else status


def _cannot(step: RunStep, error: OSError) -> str:
    name = step.command[0]
    if isinstance(error, FileNotFoundError):
        remedy = f"say 'needs: [{name}]' to have the scenario skipped where it is missing"
        return f"there is no program '{name}' here; install it, or {remedy}"
    return f"the program '{name}' cannot be run: {reason(error)}"
