"""What the page on pytest shows: its files are written, its commands run, and they say what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.docs.small_project import make_small

PAGE = (PROJECT / "docs" / "pytest.md").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)
FILES = dict(text[2:].split("\n", 1) for kind, text in BLOCKS if kind in ("yaml", "py"))
COMMANDS = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]
[SAID] = [text for kind, text in BLOCKS if kind == "text"]
RED = "pytest --testbed-keep traces mail/"


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    [(name, module)] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"][
        "pytest11"
    ].items()
    installed = folder / "installed" / "mail_testbed-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mail-testbed\nVersion: 0\n")
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    for file, text in FILES.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(f"# {file}\n{text}")
    for other in ("scenarios", "captures"):
        shutil.copytree(PROJECT / other, folder / other)
    make_small(folder)
    (folder / "docs").symlink_to(PROJECT / "docs")
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{PROJECT}:{installed.parent}", "COLUMNS": "200"}
    program = f'pytest() {{ {sys.executable} -m pytest -p no:cacheprovider --basetemp tmp "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.lab
@pytest.mark.parametrize("command", [command for command in COMMANDS if command != RED])
def test_the_other_commands_are_green(command: str, tmp_path: Path) -> None:
    ended = _run(command, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.lab
def test_the_failure_is_told_as_the_page_tells_it(tmp_path: Path) -> None:
    assert RED in COMMANDS
    ended = _run(RED, tmp_path)
    assert ended.returncode == 1
    said = iter(ended.stdout.splitlines())
    for line in SAID.splitlines():
        pattern = re.sub(r"([\[\]])", r"[\1]", line).replace("…", "*").replace("===", "*=")
        assert any(fnmatchcase(heard, pattern) for heard in said), f"{line!r} does not come, or not in its place"
