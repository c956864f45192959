"""Every command the docs show is run, as it stands, in a copy of the project."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import testbed_in
from tests.conftest import PROJECT
from tests.docs.small_project import make_small

README = PROJECT / "README.md"
PAGES = [README, *sorted((PROJECT / "docs").glob("*.md"))]
IN_AN_EMPTY_FOLDER = [README, PROJECT / "docs" / "first-steps.md", PROJECT / "docs" / "course.md"]
_MAKE = {"make demo", "make test"}  # what runs these tests, and what the next test runs
_FETCHES = "testbed subjects install "
_UNTIL_SOMEBODY_QUITS = "testbed view "  # tests/view/ presses the keys, in a terminal

_OF_OTHER_TESTS = ("--scheduler", "newsletter", "mvn")  # test_cluster_page.py has one, test_control_page.py files

_FOR_THE_SHELL = re.compile(r"[|&;<>$`*?#~]|^(?!testbed )")
_NAMES_ALL = re.compile(r"^testbed (run|inspect) .*(scenarios|captures)/(\s|$)")


# What ends a command here that people end themselves: <!-- in tests, serve: --for 1 --> before the block.
_BLOCK = re.compile(r"^(?:<!-- in tests, (\w+): (.*?) -->\n)?```\w*\n(.*?)^```$", re.M | re.S)


def _of(page: Path) -> Iterator[str]:
    """The commands of a page; what is piped into the next line, with that line."""
    for name, words, block in _BLOCK.findall(page.read_text()):
        for shown in re.sub(r"(\||\\)\n\s*", r"\1 ", block).splitlines():
            held = name and " -- " not in shown
            line = shown.replace(f"testbed {name} ", f"testbed {name} {words} ", 1) if held else shown
            if not line.startswith(("testbed ", "make ")) or line.startswith(_UNTIL_SOMEBODY_QUITS):
                continue
            if not any(word in line for word in _OF_OTHER_TESTS):
                yield line


def _commands() -> list[tuple[str, str]]:
    """Each command of the docs once, with the first page that shows it."""
    found: dict[str, str] = {}
    for page in PAGES:
        for command in _of(page) if page not in IN_AN_EMPTY_FOLDER else ():
            found.setdefault(command, page.name)
    return [(page, command) for command, page in found.items()]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the project the docs' commands name, with ``testbed`` on the path."""
    for folder in ("scenarios", "captures"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    program = tmp_path / "bin" / "testbed"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m testbed "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.lab
@pytest.mark.parametrize(("page", "command"), _commands(), ids=lambda value: value)
def test_it_works(page: str, command: str, copy: Path) -> None:
    for program in re.findall(r"\| (\w+)", command):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if _NAMES_ALL.match(command):
        make_small(copy)
    environment = {**os.environ, "CI": "", "PATH": f"{copy / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    if _FOR_THE_SHELL.search(command):
        ended = subprocess.run(
            command, shell=True, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
    else:
        ended = testbed_in(copy, shlex.split(command)[1:], environment)
    if command.startswith(_FETCHES) and re.search(r"fetches nothing: .*resolving|takes longer than", ended.stderr):
        pytest.skip("Debian's packages cannot be fetched from here")
    fine = (0, 1) if command.startswith("testbed diff ") else (0,)  # 1: the two differ
    assert ended.returncode in fine, ended.stdout + ended.stderr


@pytest.mark.lab
@pytest.mark.parametrize("page", IN_AN_EMPTY_FOLDER, ids=lambda page: page.name)
def test_it_works_in_an_empty_folder(page: Path, tmp_path: Path) -> None:
    """One command after the other, as somebody who has installed the program and nothing else types them."""
    environment = {**os.environ, "CI": "", "PYTHONPATH": str(PROJECT)}
    for command in _of(page):
        if command in _MAKE:
            assert f"\n{command.split()[1]}: " in (PROJECT / "Makefile").read_text()
            continue
        ended = testbed_in(tmp_path, shlex.split(command)[1:], environment)
        fine = (0, 1) if command.startswith("testbed diff ") else (0,)
        assert ended.returncode in fine, f"{command}\n{ended.stdout}{ended.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_it_runs(page: Path, copy: Path) -> None:
    for program in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S):
        command, environment = [sys.executable, "-c", program], {**os.environ, "CI": "", "PYTHONPATH": str(PROJECT)}
        ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout


@pytest.mark.lab
def test_the_demonstration_shows_deferral_retry_and_delivery(copy: Path) -> None:
    recipe = re.search(r"^demo: .*\n\t@\$\(BIN\)/(.*)$", (PROJECT / "Makefile").read_text(), re.M)
    assert recipe is not None
    environment = {
        **os.environ,
        "CI": "",
        "PATH": f"{copy / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "COLUMNS": "160",
    }
    shown = subprocess.run(
        recipe.group(1), shell=True, cwd=copy, env=environment, capture_output=True, text=True, check=True
    ).stdout
    for words in (
        "452 4.2.2 Mailbox full",
        "next attempt in 30 min",
        "attempt 3 to deliver",
        "is in the mailbox of <bob",
    ):
        assert words in shown


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
