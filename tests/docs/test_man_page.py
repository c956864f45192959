"""The manual page: it says what the commands take, man reads it without a complaint, and the wheel installs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PAGE = PROJECT / "docs" / "testbed.1"


def test_it_is_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("argparse_manpage")
    shutil.copy(PROJECT / "docs" / "man_page.py", tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "man_page.py")], cwd=PROJECT, check=True)
    assert (tmp_path / "testbed.1").read_text("utf-8") == PAGE.read_text("utf-8"), "run 'make docs'"


@pytest.mark.program("man")
def test_man_shows_it() -> None:
    command = ["man", "--warnings", "--local-file", str(PAGE)]
    shown = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"}
    )
    assert shown.stderr == ""
    for words in ("testbed inspect [OPTIONS] [FILE…]", "--html FILE", "EXIT STATUS", "ENVIRONMENT"):
        assert words in shown.stdout


def test_the_wheel_installs_it() -> None:
    wheel = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"] == {"docs/testbed.1": "share/man/man1/testbed.1"}
