"""The step that runs a program of the user's: whose address it has, what it said, how it ended.

Time is real while it runs: nobody can tell whether it waits for something, so nothing may jump.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import nullcontext

from testbed.durations import SECOND
from testbed.errors import StepError, reason
from testbed.lab.context import LabContext
from testbed.lab.network import rto_min_ms
from testbed.lab.program_host import ProgramHost
from testbed.lab.program_output import ProgramOutput
from testbed.net.program_process import KILL, start_confined
from testbed.net.programs import on_host, speaking_as
from testbed.protocols import events
from testbed.scenario.program_hosts import filled
from testbed.scenario.programs import TIMED_OUT, RunStep

MAX_LINES = 200
_KILLED = 128


async def run_program(lab: LabContext, step: RunStep, host: ProgramHost | None) -> None:
    """Run a step's program to its end; ``host`` is where, if a program plays it.  Raises StepError when it cannot."""
    assert step.on is not None
    loop, log = lab.loop, lab.journal.of(step.on)
    output = ProgramOutput(log, MAX_LINES)
    with loop.real_time(), nullcontext() if host else speaking_as(lab.addresses[step.on], rto_min_ms(lab.scenario)):
        started = loop.real_elapsed_ns()
        status = await _run(lab, step, host, output)
        took = loop.real_elapsed_ns() - started
    killed = status == TIMED_OUT and took >= step.time_limit
    how = f"is killed after {step.time_limit / SECOND:g} s" if killed else f"exits with status {status}"
    log(events.Exited(command=step.command_line, status=status), f"{step.command[0]} {how}")


async def _run(lab: LabContext, step: RunStep, host: ProgramHost | None, output: ProgramOutput) -> int:
    loop, name = lab.loop, step.on or ""
    facts = lab.programs.facts(name)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        process = start_confined(
            [filled(word, facts) for word in step.command],
            lab.programs.environment(name),
            lab.folder,
            writing,
            lab.confinement,
            lambda: host.namespace.enter(name) if host else on_host(name),
        )
    except OSError as error:
        os.close(reading)
        raise StepError(_cannot(step, error), lab.scenario.file, step.line) from error
    finally:
        os.close(writing)
    loop.add_reader(reading, output.read, reading)
    try:
        await asyncio.wait_for(_ended(loop, process.pid), step.time_limit / SECOND)
        status = process.wait()
        return status if status >= 0 else _KILLED - status
    except TimeoutError:
        return TIMED_OUT
    finally:
        if process.returncode is None:
            process.send_signal(KILL)
            process.wait()
        loop.remove_reader(reading)
        output.read(reading)
        output.end()
        os.close(reading)


async def _ended(loop: asyncio.AbstractEventLoop, pid: int) -> None:
    """Return when a process has ended."""
    pidfd = os.pidfd_open(pid)
    over = asyncio.Event()
    loop.add_reader(pidfd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def _cannot(step: RunStep, error: OSError) -> str:
    name = step.command[0]
    if isinstance(error, FileNotFoundError):
        remedy = f"say 'needs: [{name}]' to have the scenario skipped where it is missing"
        return f"there is no program '{name}' here; install it, or {remedy}"
    return f"the program '{name}' cannot be run: {reason(error)}"
