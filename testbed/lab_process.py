"""The life of a lab's process: what it may take up, and how it tells of its end."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from testbed.errors import LabError, ProgramError, StepError, machine_error, shortage
from testbed.interruption import TIME_IS_UP
from testbed.net.orphans import die_with_parent
from testbed.scenario.scenario import Scenario

ERROR = b"\0"  # on the pipe, what follows is why the lab ended
EXIT_DONE, EXIT_NO_LAB, EXIT_PROGRAM, _EXIT_CRASH = 0, 3, 4, 70

Lab = Callable[[Scenario, BinaryIO, Callable[[str], None]], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a lab may take up, in octets: its trace, and the memory it asks for beyond what all labs share.

    Memory is not bounded where programs play: they would inherit it, and some ask for far more than they use.
    """

    trace: int
    memory: int


USUAL, UNTRUSTED = Bounds(trace=1 << 30, memory=4 << 30), Bounds(trace=1 << 28, memory=1 << 30)


def live(lab: Lab, scenario: Scenario, bounds: Bounds, trace: BinaryIO, pipe: int, parent: int) -> NoReturn:
    """Run the lab in this process, which ends with it; ``pipe`` hears of progress, then of what went wrong."""
    code = _EXIT_CRASH
    try:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(code)
        os.setpgid(0, 0)  # Ctrl-C reaches the runner, which passes it on once
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP, TIME_IS_UP):
            signal.signal(number, signal.SIG_DFL)
        if not scenario.is_code:
            _bound_memory(bounds.memory)
        lab(scenario, trace, lambda line: _say(pipe, line))
        code = EXIT_DONE
    except StepError as error:
        _fail(pipe, str(error), error.cause, error.line)
        code = EXIT_PROGRAM if isinstance(error, ProgramError) else code
    except LabError as error:
        _fail(pipe, str(error), str(error))
        code = EXIT_NO_LAB
    except MemoryError:
        why = f"the lab was stopped: it takes more than {bounds.memory >> 20:,} MiB of memory"
        _fail(pipe, why, why)
    except BaseException as error:
        if (lacking := shortage(error)) is not None:
            why = str(machine_error(f"the lab broke off: {lacking.filename or tempfile.gettempdir()}", lacking))
            _fail(pipe, why, why)
        else:
            _fail(pipe, traceback.format_exc(), "".join(traceback.format_exception_only(error)))
    finally:
        os._exit(code)


def _bound_memory(octets: int) -> None:
    """Let this process ask for so much more than it has."""
    has = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = has + octets if hard == resource.RLIM_INFINITY else min(has + octets, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _fail(pipe: int, error: str, cause: str, line: int = 0) -> None:
    texts = (text.strip().encode("utf-8", "backslashreplace").decode() for text in (error, cause))
    _say(pipe, "\0" + json.dumps((*texts, line)))


def failure(said: bytes | bytearray, code: int) -> tuple[str, str, int]:
    """What a lab said on its pipe of how it failed: the error, its cause, and the line of the step."""
    try:
        error, cause, line = json.loads(said)
    except ValueError:  # it was killed before it could say so
        error = cause = f"the lab died with status {code}"
        line = 0
    return error, cause, line


def _say(pipe: int, line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(pipe, line.encode() + b"\n")
