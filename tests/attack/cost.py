"""What a command costs: processor time and memory of its own, in a fork that has loaded everything already."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tests.command  # noqa: F401 - loads what the command line loads
from testbed.cli import main
from tests.patience import HANG_S


@dataclass(frozen=True, slots=True)
class Cost:
    """``code`` is the exit code, negative for a signal; ``cpu`` seconds, ``octets`` what was printed, both streams."""

    code: int
    cpu: float
    octets: int
    traceback: bool


def cost(words: Sequence[str], *, memory: int = 2 << 30) -> Cost:
    """Run a command of the command line; it may use so many octets of address space beyond what it begins with."""
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            _live(words, printed.fileno(), memory)
        _, status, used = os.wait4(child, 0)
        printed.seek(0)
        text = printed.read()
    return Cost(
        os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, len(text), b"Traceback" in text
    )  # fmt: skip


def _live(words: Sequence[str], printed: int, memory: int) -> None:
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(round(HANG_S))
        has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + memory, has + memory))
        for stream in (1, 2):
            os.dup2(printed, stream)
        with open(1, "w", encoding="utf-8", closefd=False) as out, open(2, "w", closefd=False) as err:
            import sys

            sys.stdout, sys.stderr = out, err
            code = main(list(words))
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)
