"""Programs of a scenario's that run to their end, or until their time is up: a step's, and those that list a queue."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence

from testbed.durations import SECOND
from testbed.lab.context import LabContext
from testbed.net.program_process import KILL, start_confined
from testbed.net.program_time.programs import ProgramTime

_KILLED = 128


async def run_confined(
    lab: LabContext,
    name: str,
    command: Sequence[str],
    move: Callable[[], None],
    heard: Callable[[int], None],
    limit_ns: int,
    clock: ProgramTime | None,
    *,
    errors: bool = True,
    given: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> int | None:
    """Its exit status, None when it was killed at its limit; by then nothing of what it has started is left.

    ``move`` puts its process onto the host of that name.  ``heard(pipe)`` reads what it says, without blocking, and is
    called once more at the end; ``errors`` says whether its standard error is heard too.  With a ``clock`` it lives in
    scenario time.  ``given`` is its standard input, ``variables`` are more than those of its host.  Raises OSError.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    environment = {**lab.programs.environment(name), **(variables or {})}
    library = clock.library() if clock is not None else None
    confinement = lab.confinement(name, library)
    try:
        with tempfile.TemporaryFile() as file:
            file.write(given)
            file.seek(0)
            process = start_confined(
                command,
                environment,
                lab.folder,
                writing,
                confinement,
                move,
                errors=errors,
                given=file if given else None,
            )
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    if clock is not None and library is not None:
        clock.watch(process.pid, library)
    lab.loop.add_reader(reading, heard, reading)
    try:
        await asyncio.wait_for(_ended(lab.loop, process.pid), limit_ns / SECOND)
        status = process.wait()
        return status if status >= 0 else _KILLED - status
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.send_signal(KILL)
            process.wait()
        if clock is not None:
            clock.forget(process.pid)
        lab.loop.remove_reader(reading)
        heard(reading)
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
