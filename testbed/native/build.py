"""Compiles the library: ``python testbed/native/build.py``, or by the hook of the build backend (``hatch_build.py``).

It uses nothing but the standard library, as nothing else is there while a wheel is built.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "glance.so"
SCRIPT = Path(__file__)
WARNINGS = ("-Wall", "-Wextra", "-Werror")
"""With these, the sources compile too."""
_FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")


def sources() -> list[Path]:
    """What is compiled."""
    return sorted(FOLDER.glob("*.c"))


def made_of() -> int:
    """A checksum of the sources, headers included; a library of others is of no use."""
    checksum = 0
    for path in sorted((*FOLDER.glob("*.h"), *sources())):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum


def compiler() -> str | None:
    """The C compiler that is here, if any."""
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def build(target: Path = LIBRARY, flags: tuple[str, ...] = ()) -> str:
    """Compile; gives what kept it from being compiled, ``""`` when it was."""
    program = compiler()
    if program is None:
        return "there is no C compiler here"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        command = [program, *_FLAGS, *flags, f"-DSOURCES={made_of()}u", *map(str, sources()), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode:
            return f"{program} says: {(done.stderr.strip().splitlines() or ['nothing'])[0]}"
        made.replace(target)
    return ""


if __name__ == "__main__":
    problem = build()
    if problem:
        print(f"captures will be inspected without the compiled library: {problem}", file=sys.stderr)
