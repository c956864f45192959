"""The library that gives programs scenario time: compiled once, kept in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from testbed.errors import LabError
from testbed.user_folder import user_folder

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-ftls-model=initial-exec")
_REMEDY = "install one ('apt install gcc libc6-dev'), or say 'time: real' of the program"


def scenario_time_library() -> Path:
    """Where the library lies; it is compiled when it is not there yet.  Raises LabError without a C compiler."""
    source = files(__package__).joinpath("scenario_time.c").read_bytes()
    digest = hashlib.sha256(source + " ".join((*_FLAGS, os.uname().machine)).encode()).hexdigest()[:16]
    name = f"scenario-time-{digest}.so"
    library = _cache(name) / name
    if not library.exists():
        _compile(source, library)
    return library


def compiler() -> str | None:
    """The C compiler that is here, if any."""
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def _cache(name: str) -> Path:
    """A folder nobody else writes to, which has a file of that name or can get one."""
    for folder in (user_folder("XDG_CACHE_HOME", ".cache"), Path(tempfile.gettempdir(), f"mail-testbed-{os.getuid()}")):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
            if private and ((folder / name).exists() or os.access(folder, os.W_OK)):
                return folder
    return Path(tempfile.mkdtemp(prefix="mail-testbed-"))


def _compile(source: bytes, library: Path) -> None:
    program = compiler()
    if program is None:
        raise LabError("there is no C compiler here, and programs need one for scenario time", _REMEDY)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        command = [program, *_FLAGS, "-x", "c", "-", "-o", str(made), "-ldl"]
        done = subprocess.run(command, input=source, capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise LabError(f"the library for scenario time cannot be compiled; {program} says: {said[0]}", _REMEDY)
        made.replace(library)
