"""The command line as a user would run it, but in a fork that has loaded already what a new process would have to.

What an interpreter does when it starts is for tests that start one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

from testbed.cli import main
from tests.conftest import PROJECT
from tests.patience import HANG_S

for name in ("cli.run", "cli.inspect_captures", "cli.diff", "cli.check", "lab", "report.trace", "report.packets"):
    import_module(f"testbed.{name}")

_UNSHOWN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # as Python has it


def testbed(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the project's folder, and give what it prints; the environment has these variables besides."""
    return testbed_in(PROJECT, [str(argument) for argument in arguments], environment)


def testbed_in(folder: Path, words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The same in another folder."""
    if "--workers" in words:
        return _afresh(folder, words, environment)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            _live(folder, words, environment, output, errors)
        _, status = os.waitpid(child, 0)
        told = []
        for file in (output, errors):
            file.seek(0)
            told.append(file.read().decode())
    return subprocess.CompletedProcess(["testbed", *words], os.waitstatus_to_exitcode(status), *told)


def _afresh(folder: Path, words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """In an interpreter of its own: a fork of who has had a cluster of Dask here waits for threads that it has not."""
    variables = {name: value for name, value in os.environ.items() if name != "CI"} | environment
    command = [sys.executable, "-m", "testbed", *words]
    return subprocess.run(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG_S
    )


def _live(
    folder: Path, words: list[str], environment: dict[str, str], output: IO[bytes], errors: IO[bytes]
) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(round(HANG_S))
        os.chdir(folder)
        os.environ.pop("CI", None)  # which makes a missing program an error; a test that means that says so
        os.environ.update(environment)
        tempfile.tempdir = None  # TMPDIR may be another now
        os.dup2(output.fileno(), 1)
        os.dup2(errors.fileno(), 2)
        sys.stdin, sys.stdout = open(0), open(1, "w", encoding="utf-8")  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
        _forget_pytest()
        code = main(words)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _forget_pytest() -> None:
    """What goes wrong unseen is to be seen on the standard error, as everywhere."""
    sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
    threading.excepthook = threading.__excepthook__
    warnings.resetwarnings()
    for category in _UNSHOWN:
        warnings.simplefilter("ignore", category)


for function in (testbed, testbed_in):
    function.__test__ = False  # type: ignore[attr-defined]
