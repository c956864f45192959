"""The page that compares mail servers says what was played, and links to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.lab.catalogue.systems import DATA, FOLDERS, comparison, page
from tests.scenarios import SCENARIOS

PAGE = PROJECT / "docs" / "relays-compared.md"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="what was played is not stored yet")


def test_the_page_says_what_was_played() -> None:
    assert PAGE.read_text() == page(comparison()), "run 'make docs'"


def test_five_relays_are_compared_with_ours() -> None:
    assert comparison().players == ("ours", "postfix", "exim", "opensmtpd", "sendmail", "haraka")


def test_every_scenario_about_mail_servers_is_in_it() -> None:
    played = {(row.file, row.case) for row in comparison().rows}
    there = {(Path(s.file).resolve().relative_to(PROJECT).as_posix(), s.case) for s in SCENARIOS}
    wanted = {(file, case) for file, case in there if Path(file).parent.name in ("scenarios", *FOLDERS)}
    assert wanted == played, "run 'make compared'"


def test_every_headline_has_its_rows() -> None:
    for section in re.split(r"(?m)^## ", PAGE.read_text())[1:]:
        assert "\n| [" in section or section.startswith("What was broken"), section[:60]
