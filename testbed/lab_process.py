"""The life of a process in which labs are played, one after the other: what it may take up, what it tells of each."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from msgspec import Struct

from testbed.errors import LabError, ProgramError, StepError, machine_error, shortage
from testbed.interruption import TIME_IS_UP
from testbed.lab_line import Account, Accounted, Ended, Line, Play, Says
from testbed.net.orphans import die_with_parent
from testbed.played import Played
from testbed.scenario.scenario import Scenario

Lab = Callable[[Scenario, BinaryIO, Callable[[str], None]], None]
MakeAccount = Callable[[Played], object]


class Bounds(Struct, frozen=True):
    """What a lab may take up, in octets: its trace, and the memory it asks for beyond what all labs share.

    Memory is not bounded where programs play: they would inherit it, and some ask for far more than they use.
    """

    trace: int
    memory: int


USUAL, UNTRUSTED = Bounds(trace=1 << 30, memory=4 << 30), Bounds(trace=1 << 28, memory=1 << 30)


def live(
    lab: Lab,
    account: MakeAccount,
    scenarios: Sequence[Scenario],
    bounds: Bounds,
    trace: int,
    line: Line,
    parent: int,
) -> NoReturn:
    """Play what is ordered, and make an account of it, until the other end of the line is closed.

    ``trace`` is the descriptor of the file that traces go to, which whoever orders empties.
    """
    try:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        os.setpgid(0, 0)  # Ctrl-C reaches the runner, which passes it on once
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # what all labs share is not garbage
        bounded = False
        while True:
            match line.hear():
                case Play(number):
                    for ending in (signal.SIGTERM, signal.SIGHUP, TIME_IS_UP):
                        signal.signal(ending, signal.SIG_DFL)
                    if not bounded and not scenarios[number].is_code:
                        bounded = True
                        _bound_memory(bounds.memory)
                    line.tell(_played(lab, scenarios[number], trace, bounds, line))
                    gc.collect(0)  # what the lab leaves, while nothing else can be hurt by its end
                case Account(played):
                    line.tell(_accounted(account, played))
    except (EOFError, OSError):  # nobody asks any more
        pass
    finally:
        os._exit(0)


def _played(lab: Lab, scenario: Scenario, trace: int, bounds: Bounds, line: Line) -> Ended:
    """How the lab came to its end."""

    def say(told: str) -> None:
        with contextlib.suppress(OSError):
            line.tell(Says(told))

    try:
        with open(trace, "r+b", closefd=False) as file:  # under the number it has in the runner, too
            lab(scenario, file, say)
        return Ended()
    except StepError as error:
        return _failed(str(error), error.cause, error.line, by_program=isinstance(error, ProgramError))
    except LabError as error:
        return _failed(str(error), str(error), no_lab=True)
    except MemoryError:
        why = f"the lab was stopped: it takes more than {bounds.memory >> 20:,} MiB of memory"
        return _failed(why, why)
    except BaseException as error:
        if (lacking := shortage(error)) is not None:
            why = str(machine_error(f"the lab broke off: {lacking.filename or tempfile.gettempdir()}", lacking))
            return _failed(why, why)
        return _failed(traceback.format_exc(), "".join(traceback.format_exception_only(error)))


def _failed(error: str, cause: str, line: int = 0, *, no_lab: bool = False, by_program: bool = False) -> Ended:
    error, cause = (text.strip().encode("utf-8", "backslashreplace").decode() for text in (error, cause))
    return Ended(error, cause, line, no_lab, by_program)


def _accounted(account: MakeAccount, played: Played) -> Accounted:
    try:
        return Accounted(account(played))
    except Exception:  # it comes again where somebody can be told
        return Accounted(failed=True)


def _bound_memory(octets: int) -> None:
    """Let this process ask for so much more than it has."""
    has = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = has + octets if hard == resource.RLIM_INFINITY else min(has + octets, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
