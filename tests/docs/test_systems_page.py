"""The page that compares mail servers says what was played, and links to what is there."""

from __future__ import annotations

import re

import pytest

from tests.conftest import PROJECT
from tests.lab.catalogue.systems import DATA, comparison, page
from tests.scenarios import SCENARIOS

PAGE = PROJECT / "docs" / "relays-compared.md"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="what was played is not stored yet")


def test_the_page_says_what_was_played() -> None:
    assert PAGE.read_text() == page(comparison()), "run 'make docs'"


def test_five_relays_are_compared_with_ours() -> None:
    assert comparison().players == ("ours", "postfix", "exim", "opensmtpd", "sendmail", "haraka")


def test_every_scenario_of_the_catalogue_is_in_it() -> None:
    played = {(row.file, row.case) for row in comparison().rows}
    there = {(str(PROJECT.joinpath(s.file).relative_to(PROJECT)), s.case) for s in SCENARIOS}
    assert there == played, "run 'make compared'"


def test_every_headline_has_its_rows() -> None:
    for section in re.split(r"(?m)^## ", PAGE.read_text())[1:]:
        assert "\n| [" in section or section.startswith("What was broken"), section[:60]
