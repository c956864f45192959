"""``testbed run --svg``: a picture for each scenario, in a folder, or of one in a file."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.command import testbed


@pytest.mark.lab
def test_each_scenario_has_its_picture(tmp_path: Path) -> None:
    shown = testbed("run", "--svg", tmp_path / "pictures", "scenarios/delivered.yaml", "scenarios/unknown-user.yaml")
    assert shown.returncode == 0
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [picture.name for picture in pictures] == ["delivered.svg", "unknown-user.svg"]
    assert ElementTree.fromstring(pictures[0].read_text())[0].text == "Mail is delivered"


@pytest.mark.lab
def test_one_scenario_goes_into_the_file_that_is_named(tmp_path: Path) -> None:
    assert testbed("run", "--svg", tmp_path / "way.svg", "scenarios/delivered.yaml").returncode == 0
    assert (tmp_path / "way.svg").read_text().startswith("<svg")


def test_several_go_into_no_file(tmp_path: Path) -> None:
    shown = testbed("run", "--svg", tmp_path / "way.svg", "scenarios/delivered.yaml", "scenarios/unknown-user.yaml")
    assert shown.stderr == f"error: --svg {tmp_path}/way.svg: there are 2 scenarios; name a folder\n"
    assert shown.returncode == 2
