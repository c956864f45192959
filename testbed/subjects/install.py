"""Fetching a ready-made program for this user: packages of Debian's or npm's, unpacked and never installed.

apt fetches and checks by its signatures; what a package would do when it is installed is not done.  Servers that
conflict with each other lie side by side so, and nothing of the machine's changes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from testbed.errors import MachineError, UsageError
from testbed.subjects.installed import PACKAGES, home
from testbed.subjects.subject import Subject

_WANTED = re.compile(r"(?m)^Inst (\S+) (?:\[\S+\] )?\((\S+) ")
_KEPT = ("usr", "lib", "lib64", "bin", "sbin", "etc")
_NEEDLESS = (*(f"usr/share/{name}" for name in ("doc", "man", "locale", "info", "lintian", "doc-base", "bug")),)
_SERVICES = ("lib/systemd", "usr/lib/systemd", "lib/udev", "usr/lib/tmpfiles.d", "usr/lib/sysusers.d")
_CHECKED = ("-o", "APT::Get::AllowUnauthenticated=false", "-o", "Acquire::AllowInsecureRepositories=false")
_SOON = ("-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20", "-o", "Acquire::Retries=1")
_TIME_LIMIT_S = 300  # servers are a few megabytes; where the network hardly works, npm would go on for very long


def install(subject: Subject, tell: Callable[[str], None]) -> Path | None:
    """Fetch and unpack a server, in place of an older one; gives its folder, None where the machine has it already.

    ``tell`` hears what is fetched.  Raises MachineError where it cannot be fetched, UsageError where nobody offers it.
    """
    if not subject.apt and not subject.npm:
        raise UsageError(f"{subject.title} is no package of its own; it comes with the testbed")
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as name:
        root = Path(name) / "root"
        root.mkdir()
        packages = _from_npm(subject.npm, root, tell) if subject.npm else _from_debian(subject.apt, root, tell)
        if not packages:
            return None
        (root / PACKAGES).write_text(json.dumps(packages, indent=1), "utf-8")
        target = folder / subject.name
        if target.exists():
            target.rename(Path(name) / "old")
        root.rename(target)
    return target


def _from_debian(packages: Sequence[str], root: Path, tell: Callable[[str], None]) -> dict[str, str]:
    """Unpack packages and what they depend on that is missing; gives names and versions."""
    _require("apt-get", "dpkg-deb")
    with tempfile.TemporaryDirectory(prefix="testbed-") as name:
        work = Path(name)
        os.chmod(work, 0o755)
        own: tuple[str, ...] = (*_CHECKED, *_SOON)
        try:
            wanted = _wanted(packages, own)
        except MachineError:  # apt may have no lists, which only root could fetch for the machine
            own = (*own, "-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache")
            for part in ("lists/partial", "cache/archives/partial"):
                (work / part).mkdir(parents=True)
            tell("apt fetches its lists")
            _run(["apt-get", *own, "-qq", "update"], work)
            wanted = _wanted(packages, own)
        tell(f"apt fetches {', '.join(wanted)}" if wanted else "apt has nothing to fetch")
        if wanted:
            _run(["apt-get", *own, "-qq", "download", *(f"{name}={version}" for name, version in wanted.items())], work)
        for file in sorted(work.glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(file), str(root)], work)
    _prune(root)
    return wanted


def _wanted(packages: Iterable[str], options: Sequence[str]) -> dict[str, str]:
    """What would be installed, names and versions, if it were."""
    command = ["apt-get", *options, "--simulate", "--no-install-recommends", "install", *packages]
    return dict(_WANTED.findall(_run(command, Path("/"))))


def _prune(root: Path) -> None:
    """Keep what a server needs to run, and nothing that starts it."""
    for entry in root.iterdir():
        if entry.name not in _KEPT:
            shutil.rmtree(entry)
    for needless in (*_NEEDLESS, *_SERVICES):
        shutil.rmtree(root / needless, ignore_errors=True)
    for folder, folders, files in os.walk(root, topdown=False):
        if not folders and not files and Path(folder) != root:
            Path(folder).rmdir()


def _from_npm(packages: Sequence[str], root: Path, tell: Callable[[str], None]) -> dict[str, str]:
    """Unpack packages of npm's, which checks them by their digests, and run no script of theirs."""
    _require("npm")
    tell(f"npm fetches {', '.join(packages)}")
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1")
    _run(["npm", "install", "--global", "--prefix", str(root / "usr"), *quiet, *packages], root)
    modules = root / "usr" / "lib" / "node_modules"
    return {name: str(json.loads((modules / name / "package.json").read_text("utf-8"))["version"]) for name in packages}


def _require(*programs: str) -> None:
    if missing := [name for name in programs if shutil.which(name) is None]:
        raise MachineError(f"it takes {' and '.join(missing)} to fetch it, not installed here")


def _run(command: Sequence[str], folder: Path) -> str:
    """What a command prints.  Raises MachineError for one that fails."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MachineError(f"{command[0]} takes longer than {_TIME_LIMIT_S} s; try again later") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "npm"))] or done.stderr.splitlines()
        raise MachineError(f"{command[0]} fetches nothing: {' '.join(said[:3]) or f'exit status {done.returncode}'}")
    return done.stdout
