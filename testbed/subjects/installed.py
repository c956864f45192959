"""Where a ready-made program is: unpacked for this user, or where the machine has it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

from testbed.protocols.text import shown
from testbed.subjects.subject import Subject
from testbed.user_folder import user_folder

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where servers are, and users' PATH does not lead."""

PACKAGES = "packages.json"
"""The file that says which packages were unpacked, and their versions."""

_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+~-]*")
_TIME_LIMIT_S = 10


class Found(Struct, frozen=True):
    """``root`` is the folder it is unpacked in, None where the machine has it; an unknown ``version`` is ``""``."""

    root: Path | None
    version: str


def home() -> Path:
    """The folder of this user's unpacked servers."""
    return user_folder("XDG_DATA_HOME", ".local/share") / "subjects"


def search_path() -> str:
    """Where programs are looked for; those of this Python's environment last."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS, str(Path(sys.executable).parent)))


def root_of(subject: Subject) -> Path | None:
    """The folder a server is unpacked in, None where it is not."""
    root = home() / subject.name
    return root if (root / PACKAGES).is_file() else None


def find(subject: Subject) -> Found | None:
    """Where a server is, None where it is not."""
    if (root := root_of(subject)) is not None:
        return Found(root, _unpacked_version(subject, root))
    if missing_programs(subject):
        return None
    program, *arguments = shlex.split(subject.version)
    return Found(None, _said_version(shutil.which(program, path=search_path()) or program, *arguments))


def missing_programs(subject: Subject, root: Path = Path("/")) -> list[str]:
    """Its programs that neither the machine has nor what is unpacked there."""
    unpacked = [str(root / folder) for folder in ("usr/sbin", "usr/bin", "sbin", "bin")]
    path = os.pathsep.join((*unpacked, search_path()))
    there = [name for name in subject.programs if shutil.which(name, path=path) or (root / name.lstrip("/")).is_file()]
    return [name for name in subject.programs if name not in there]


def kept_files(subject: Subject) -> Iterator[tuple[Path, Path]]:
    """The files it brings for the folder of its configuration: each with its place from the machine's root."""
    root = root_of(subject) or Path("/")
    for pattern in subject.keeps:
        for found in sorted(root.glob(pattern)):
            for path in sorted(found.rglob("*")) if found.is_dir() else [found]:
                if path.is_file():
                    yield path, path.relative_to(root)


def why_not(subject: Subject) -> str:
    """Why a server cannot be started here and what to do, nothing where it can."""
    root = root_of(subject)
    if root is not None and (missing := missing_programs(subject, root)):
        return f"{shown(root)} lacks {', '.join(missing)}: 'testbed subjects install {subject.name}' fetches it again"
    if root is None and missing_programs(subject):
        return f"it needs {subject.title}, not installed here: 'testbed subjects install {subject.name}' fetches it"
    if subject.oldest and (found := find(subject)) is not None and _older(found.version, subject.oldest):
        return f"it needs {subject.title} {subject.oldest} or newer, and {found.version} is here"
    return ""


def _unpacked_version(subject: Subject, root: Path) -> str:
    try:
        packages = json.loads((root / PACKAGES).read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    version = str(packages.get((*subject.apt, *subject.npm)[0], "")) if isinstance(packages, dict) else ""
    return version.rpartition(":")[2]  # what comes before is Debian's epoch


@cache
def _said_version(*command: str) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(done.stdout.decode("utf-8", "replace"))
    return found[0] if found else ""


def _older(version: str, than: str) -> bool:
    """Whether a version is known to be older than another, by its numbers."""
    one, other = ([int(number) for number in re.findall(r"\d+", text)[:3]] for text in (version, than))
    return bool(one) and one < other
