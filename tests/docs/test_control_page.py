"""What the page on control shows: its files are written, and tests in each language run where the language is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.control.operations import OPERATIONS
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "control.md").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)
FILES = {
    found[1]: text
    for kind, text in BLOCKS
    if kind and (found := re.search(r"\A(?:#!.*\n)?(?:#|//|<!--) (\S+\.\w+)", text)) is not None
}
COMMANDS = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]
REGISTRY_S = 90  # that a registry may take
_UNREACHED = re.compile(
    r"EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|E40\d|network|Could not (transfer|resolve)|offline", re.I
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's files, and ``testbed`` on the path."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    program = tmp_path / "bin" / "testbed"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m testbed "$@"\n')
    program.chmod(0o755)
    return tmp_path


def ran(folder: Path, language: str) -> subprocess.CompletedProcess[str]:
    """The page's command for a language."""
    [command] = [line for line in COMMANDS if f"-- {language} " in line and "curl" not in line]
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def fetched(folder: Path, *command: str) -> None:
    """Have a package manager fetch what a test needs, or skip it with the reason."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=REGISTRY_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]}: the registry takes longer than {REGISTRY_S} s")
    said = done.stdout + done.stderr
    if done.returncode and _UNREACHED.search(said):
        pytest.skip(f"{command[0]}: the registry cannot be reached from here")
    assert done.returncode == 0, said


@pytest.mark.lab
@pytest.mark.program("curl")
def test_a_shell_tests_with_it(folder: Path) -> None:
    done = ran(folder, "sh")
    assert (done.returncode, '"subject":"News"' in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.lab
@pytest.mark.program("node")
@pytest.mark.program("npm")
def test_node_tests_with_it(folder: Path) -> None:
    fetched(folder, "npm", "install", "--no-audit", "--no-fund", "nodemailer")
    done = ran(folder, "node")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 3" in done.stdout or "pass 3" in done.stdout


@pytest.mark.lab
@pytest.mark.program("mvn")
def test_java_tests_with_it(folder: Path) -> None:
    fetched(folder, "mvn", "-B", "-q", "test", "-DskipTests")
    done = ran(folder, "mvn")
    assert (done.returncode, "Tests run: 1, Failures: 0" in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_table_has_every_request() -> None:
    rows = re.findall(r"`([A-Z]+) (/labs[^`]*)`", PAGE)
    told = {(method, path.replace("ADDRESS", "{mailbox}")) for method, path in rows}
    for operation in OPERATIONS:
        path = operation.path.replace("{lab}", "ID").replace("{fault}", "N").replace("{message}", "N")
        if (operation.method, path) == ("DELETE", "/labs/ID/faults"):
            assert "without `/N`, all" in PAGE
            continue
        assert (operation.method, path) in told, operation.name
