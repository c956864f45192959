"""Programs of the user's that run inside a lab: whose address they have, what they said, how they ended.

Time is real while one runs: nobody can tell whether it waits for something, so nothing may jump.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import StepError
from testbed.hosts.site import Log
from testbed.lab.facts import Facts
from testbed.lab.output import Output
from testbed.net.clock import ScenarioLoop
from testbed.net.programs import on_host, speaking_as
from testbed.net.rooms import Room, enter_room
from testbed.protocols.events import Event
from testbed.scenario.program_hosts import filled
from testbed.scenario.programs import TIMED_OUT, RunStep
from testbed.scenario.scenario import Scenario

MAX_LINES = 200
_NS = 1_000_000_000
_KILLED = 128


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step's program runs: its addresses, what it is told, and the room where the host is a program itself."""

    addresses: tuple[str, ...]
    facts: Facts
    environment: Mapping[str, str]
    room: Room | None


async def run_program(
    scenario: Scenario,
    step: RunStep,
    place: Place,
    loop: ScenarioLoop,
    log: Log,
) -> None:
    """Run a step's program to its end.  Raises StepError when it cannot be started."""
    line = step.line_of_words
    output = Output(log, MAX_LINES)
    with loop.real_time(), nullcontext() if place.room else speaking_as(place.addresses):
        started = loop.real_elapsed_ns()
        status = await _run(scenario, step, place, loop, output)
        took = loop.real_elapsed_ns() - started
    killed = status == TIMED_OUT and took >= step.time_limit
    how = f"is killed after {step.time_limit / _NS:g} s" if killed else f"exits with status {status}"
    log(Event.EXITED, f"{step.command[0]} {how}", command=line, status=status)


async def _run(scenario: Scenario, step: RunStep, place: Place, loop: ScenarioLoop, output: Output) -> int:
    assert step.on is not None
    host, room = step.on, place.room
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *(filled(word, place.facts) for word in step.command),
            env=place.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            cwd=_folder(scenario),
            start_new_session=True,
            preexec_fn=lambda: enter_room(room, host) if room else on_host(host),
        )
    except OSError as error:
        os.close(reading)
        raise StepError(_cannot(scenario, step, error)) from error
    finally:
        os.close(writing)
    loop.add_reader(reading, output.read, reading)
    try:
        return _status(await asyncio.wait_for(process.wait(), step.time_limit / _NS))
    except TimeoutError:
        return TIMED_OUT
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
        await process.wait()
        loop.remove_reader(reading)
        output.read(reading)
        output.end()
        os.close(reading)


def _folder(scenario: Scenario) -> str | None:
    """Where a program runs: beside its scenario, so that it finds what lies there."""
    folder = Path(scenario.file).parent
    return str(folder) if folder.is_dir() else None


def _cannot(scenario: Scenario, step: RunStep, error: OSError) -> str:
    name, place = step.command[0], f"{scenario.file}:{step.line}"
    if isinstance(error, FileNotFoundError):
        remedy = f"say 'needs: [{name}]' to have the scenario skipped where it is missing"
        return f"{place}: there is no program '{name}' here; install it, or {remedy}"
    return f"{place}: the program '{name}' cannot be run: {(error.strerror or str(error)).lower()}"


def _status(code: int) -> int:
    return code if code >= 0 else _KILLED - code
