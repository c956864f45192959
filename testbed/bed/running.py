"""A program that a Python program runs on a host of an open lab."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from tempfile import TemporaryFile

from testbed.errors import LabError
from testbed.net.entry import Entry


def run_inside(
    entry: Entry,
    command: Sequence[str],
    environment: Mapping[str, str],
    given: str,
    time_limit_s: float,
    started: Callable[[int], None],
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; ``started`` hears the number of its process.

    What it reads and writes are files, so it waits for nobody outside of the lab.  Raises LabError when it takes more
    than so many seconds of real time.
    """
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        stdin.write(given)
        stdin.seek(0)
        with TemporaryFile() as way:
            pickle.dump(entry, way)
            way.flush()
            way.seek(0)
            line = [sys.executable, "-m", "testbed.inside", str(way.fileno()), *command]
            found = {**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            process = subprocess.Popen(
                line, env=found, stdin=stdin, stdout=output, stderr=errors, pass_fds=[way.fileno()]
            )
        try:
            started(process.pid)
            process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            raise LabError(f"{command[0]} was killed after {time_limit_s:g} s") from None
        finally:
            process.kill()
            process.wait()
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(list(command), process.returncode, output.read(), errors.read())
