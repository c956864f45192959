"""Every scenario docs/scenarios.md shows can be run, and holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play, why

BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (PROJECT / "docs" / "scenarios.md").read_text(), re.M | re.S)
BLOCKS += re.findall(r"^```yaml\n(.*?)^```", (PROJECT / "README.md").read_text(), re.M | re.S)


@pytest.mark.lab
@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: re.search(r"title: (.*)", text).group(1))
def test_it_holds(text: str, tmp_path: Path) -> None:
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
