"""Damaged captures and columns: the compiled pass reads nothing that it was not given."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fuzz.native import fuzz


@pytest.mark.program("gcc")
def test_nothing_is_read_beyond_its_end(tmp_path: Path) -> None:
    try:
        done = fuzz(tmp_path, 3, 1)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers here")
    assert done.stderr == ""
    assert "captures" in done.stdout
