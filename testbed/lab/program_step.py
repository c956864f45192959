"""Programs that a step runs to their end: whose address they have, what they said, how they ended.

Where time is real while one runs, nothing may jump: nobody can tell whether it waits for something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from msgspec import Struct, field

from testbed.durations import SECOND
from testbed.errors import StepError, reason
from testbed.lab.confined_run import run_confined
from testbed.lab.context import LabContext
from testbed.lab.program_host import ProgramHost
from testbed.lab.program_output import ProgramOutput
from testbed.net.program_time.programs import ProgramTime
from testbed.net.programs import on_host, speaking_as
from testbed.protocols import events
from testbed.protocols.text import shown
from testbed.scenario.program_hosts import filled
from testbed.scenario.programs import TIMED_OUT, RunStep

MAX_LINES = 200


class Errand(Struct, frozen=True):
    """A program for a step to run.

    ``called`` is what the trace calls it, ``asked`` the step where that is no ``run``.  ``given`` is its standard
    input, ``variables`` are those beside its host's.  It is killed after ``limit_ns``.
    """

    called: str
    command: Sequence[str]
    limit_ns: int
    asked: str = ""
    given: bytes = b""
    variables: Mapping[str, str] = field(default_factory=dict)


async def run_program(lab: LabContext, step: RunStep, host: ProgramHost | None) -> None:
    """Run a step's program to its end; ``host`` is where, if a program plays it.  Raises StepError when it cannot."""
    assert step.on is not None
    errand = Errand(step.command_line, step.command, step.time_limit)
    clock = lab.clock.programs if step.time == "scenario" else lab.clock_of(step.on)
    try:
        with lab.loop.real_time() if step.time == "real" else nullcontext():
            await run_errand(lab, step.on, errand, host, clock)
    except OSError as error:
        raise StepError(_cannot(step, error), shown(lab.scenario.file), step.line) from error


async def run_errand(
    lab: LabContext, name: str, errand: Errand, host: ProgramHost | None, clock: ProgramTime | None
) -> None:
    """Run a program on the host of that name, by a clock or in real time, and log how it ended.  Raises OSError."""
    log = lab.journal.of(name)
    output = ProgramOutput(log, MAX_LINES)
    facts = lab.programs.facts(name)
    command = [filled(word, facts) for word in errand.command]
    move = partial(host.namespace.enter if host else on_host, name)
    with nullcontext() if host else speaking_as(lab.addresses[name], lab.network.rto_min_ms):
        started = lab.loop.elapsed_ns()
        ended = await run_confined(
            lab,
            name,
            command,
            move,
            output.read,
            errand.limit_ns,
            clock,
            given=errand.given,
            variables=errand.variables,
        )
        output.end()
        took = lab.loop.elapsed_ns() - started
    status = TIMED_OUT if ended is None else ended
    killed = status == TIMED_OUT and took >= errand.limit_ns
    how = f"is killed after {errand.limit_ns / SECOND:g} s" if killed else f"exits with status {status}"
    called = errand.called if errand.asked else errand.command[0]
    log(events.Exited(command=errand.called, status=status, asked=errand.asked), f"{called} {how}")


def _cannot(step: RunStep, error: OSError) -> str:
    name = step.command[0]
    if isinstance(error, FileNotFoundError):
        remedy = f"say 'needs: [{name}]' to have the scenario skipped where it is missing"
        return f"there is no program '{name}' here; install it, or {remedy}"
    return f"the program '{name}' cannot be run: {reason(error)}"
