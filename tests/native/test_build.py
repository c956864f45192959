"""The compiled library is built from its sources without a warning, and no other is used."""

from __future__ import annotations

import os
import subprocess
import sys
from ctypes import CDLL
from pathlib import Path

import pytest

from testbed.native.build import WARNINGS, build, made_of
from testbed.native.library import WITHOUT, library, missing
from tests.conftest import PROJECT


@pytest.mark.program("gcc")
def test_the_sources_compile_without_a_warning(tmp_path: Path) -> None:
    assert build(tmp_path / "made.so", WARNINGS) == ""
    assert CDLL(str(tmp_path / "made.so")).made_of() & 0xFFFFFFFF == made_of()


def test_what_is_compiled_from_other_sources_is_not_used() -> None:
    assert (library() is None) == bool(missing())


@pytest.mark.program("gcc")
def test_where_nothing_compiles_it_is_said_why(tmp_path: Path) -> None:
    assert "error" in build(tmp_path / "made.so", ("--no-such-flag",))
    assert [*tmp_path.iterdir()] == []


def test_doctor_tells_what_its_absence_costs() -> None:
    environment = {**os.environ, WITHOUT: "1", "COLUMNS": "300"}
    shown = subprocess.run(
        [sys.executable, "-m", "testbed", "doctor"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"no compiled library: {WITHOUT} is set" in shown.stdout
    assert "thirty times as slowly" in shown.stdout
