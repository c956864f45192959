"""Programs of the user's that run inside a lab: whose address they have, what they said, how they ended.

Time is real while one runs: nobody can tell whether it waits for something, so nothing may jump.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from testbed.errors import StepError
from testbed.hosts.site import Log
from testbed.net.clock import ScenarioLoop
from testbed.net.programs import on_host, speaking_as
from testbed.protocols.events import Event
from testbed.protocols.text import decoded
from testbed.scenario.programs import TIMED_OUT, RunStep
from testbed.scenario.scenario import Scenario

MAX_LINES = 200
MAX_LINE = 1_000  # octets
_PIECE = 65_536
_NS = 1_000_000_000
_KILLED = 128


async def run_program(
    scenario: Scenario, step: RunStep, addresses: Mapping[str, tuple[str, ...]], loop: ScenarioLoop, log: Log
) -> None:
    """Run a step's program to its end.  Raises StepError when it cannot be started."""
    line, host = step.line_of_words, step.on
    output = _Output(log)
    assert host is not None
    with loop.real_time(), speaking_as(addresses[host]):
        started = loop.real_elapsed_ns()
        status = await _run(scenario, step, host, loop, output)
        took = loop.real_elapsed_ns() - started
    killed = status == TIMED_OUT and took >= step.time_limit
    how = f"is killed after {step.time_limit / _NS:g} s" if killed else f"exits with status {status}"
    log(Event.EXITED, f"{step.command[0]} {how}", command=line, status=status)


async def _run(scenario: Scenario, step: RunStep, host: str, loop: ScenarioLoop, output: _Output) -> int:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *step.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            cwd=_folder(scenario),
            start_new_session=True,
            preexec_fn=lambda: on_host(host),
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


class _Output:
    """Logs a program's output, a line at a time; what is too long or too much is left out, and that is logged."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rest = b""
        self._lines = 0
        self._left_out = 0

    def read(self, pipe: int) -> None:
        """Take what the pipe has."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(pipe, _PIECE):
                *lines, self._rest = (self._rest + piece).split(b"\n")
                for line in lines:
                    self._say(line)
                if len(self._rest) > MAX_LINE:
                    self._left_out += len(self._rest) - MAX_LINE - 1
                    self._rest = self._rest[: MAX_LINE + 1]

    def end(self) -> None:
        """No more comes."""
        if self._rest:
            self._say(self._rest)
        if self._left_out:
            self._log(Event.SAID, f"(and {self._left_out} octets more, left out)", octets=self._left_out)

    def _say(self, line: bytes) -> None:
        self._lines += 1
        if self._lines > MAX_LINES:
            self._left_out += len(line) + 1
            return
        self._left_out += max(0, len(line) - MAX_LINE)
        text = decoded(line[:MAX_LINE].removesuffix(b"\r"))
        self._log(Event.SAID, text, text=text)
