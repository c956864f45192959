"""The compiled pass under AddressSanitizer and UndefinedBehaviorSanitizer: ``python -m tests.fuzz.native --seconds S``.

Real and random captures are written down as the pass gets them; ``glance.c`` damages them as long as there is time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from testbed.native.build import compiler, sources
from testbed.pcap.capture import Capture
from testbed.pcap.read import read_capture
from testbed.trace.flows import Flows
from testbed.trace.glance.heads import telling_octets
from testbed.trace.glance.scan import columns
from testbed.trace.inspect import analyse

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "trace"))
DRIVER = Path(__file__).with_name("glance.c")
FLAGS = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-DSOURCES=0")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def main(arguments: list[str]) -> int:
    """Run, and tell by 1 that something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, metavar="S", help="default: 60")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), metavar="N")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="testbed-fuzz-") as folder:
        done = fuzz(Path(folder), options.seconds, options.seed)
    print(f"the compiled pass, seed {options.seed}: {done.stdout.strip()}")
    print(done.stderr, file=sys.stderr, end="")
    return int(done.returncode != 0)


def fuzz(folder: Path, seconds: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Compile the driver into a folder and run it there."""
    files = []
    for number, capture in enumerate(_captures()):
        files.append(folder / f"{number}.scene")
        write(files[-1], analyse(capture).understanding.flows)
    program = folder / "glance"
    command = [compiler() or "cc", *FLAGS, *SANITIZERS, *map(str, sources()), str(DRIVER), "-o", str(program)]
    subprocess.run(command, check=True)
    run = [str(program), str(seconds), str(seed), *map(str, files)]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def write(path: Path, flows: Flows) -> None:
    """What the pass is given of a capture, as the driver reads it."""
    data = flows.table.capture.data
    parts = [np.uint64(len(data)).tobytes(), data.tobytes()]
    for column in columns(flows, np.zeros(len(flows), np.bool_)):
        numbers = np.ascontiguousarray(column)
        parts += [np.array([numbers.itemsize, len(numbers)], np.uint64).tobytes(), numbers.tobytes()]
    telling = telling_octets()
    path.write_bytes(b"".join([*parts, np.uint64(len(telling)).tobytes(), telling]))


def _captures() -> Iterator[Capture]:
    from random_mail import RandomMail
    from twisted_mail import twisted_mail

    for path in sorted((PROJECT / "captures").glob("*.pcapng"))[::12]:
        yield read_capture(path)
    for seed in range(4):
        yield twisted_mail(seed, 12, 1)
        yield RandomMail(seed, 8, 30).capture()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
