"""The page that compares relays says what the reference traces hold; played again, Postfix does the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.scenario.scenario import Scenario
from tests.conftest import PROJECT
from tests.lab.catalogue.systems import CAPTURES, deeds, like_of, page, pairs, trace_of
from tests.lab.test_scenarios import play, why

PAGE = PROJECT / "docs" / "relays-compared.md"
SCENARIOS = [theirs for _, theirs in pairs()]


def test_at_least_twelve_scenarios_are_compared() -> None:
    assert len({scenario.file for scenario in SCENARIOS}) >= 12


@pytest.mark.skipif(
    not all(trace_of(scenario, CAPTURES).exists() for scenario in SCENARIOS), reason="captures/ is being recorded"
)
def test_the_page_says_what_the_reference_traces_hold() -> None:
    assert PAGE.read_text() == page(), "run 'make docs'"


@pytest.mark.lab
@pytest.mark.parametrize("name", ["postfix-unknown-user", "postfix-null-mx", "postfix-second-mx"])
def test_it_is_in_step_with_the_postfix_installed_here(name: str, tmp_path: Path) -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    outcome = play(scenario, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert row(scenario).endswith(f"| {deeds(outcome.analysis)} |")


def row(scenario: Scenario) -> str:
    """The line of the page on the scenario that one is like."""
    stem = Path(like_of(scenario)).stem
    found = re.search(rf"^\| \[{stem}\].*$", PAGE.read_text(), re.M)
    assert found is not None
    return found[0]
