"""The catalogue of failures: findings name the cause, and every scenario is red when what it guards is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.hosts.delivery import Result as Delivery
from testbed.hosts.routing import Route, Router
from testbed.outcome import Result
from testbed.scenario.load import discover, load_all
from testbed.scenario.scenario import Scenario
from tests.conftest import PROJECT
from tests.lab.catalogue.findings import FINDINGS
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

SCENARIOS = {scenario.name: scenario for scenario in load_all(discover((PROJECT / "scenarios").glob("*/")))}


def bounces_what_could_wait(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes every failure for final."""
    patch.setattr(Delivery, "permanent", property(lambda self: not self.taken))


def never_gives_up(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes no refusal for final."""
    patch.setattr(Delivery, "permanent", property(lambda self: False))


def knows_the_first_server_only(patch: pytest.MonkeyPatch) -> None:
    """A relay that tries no other mail server of a domain than the first."""
    route = Router.route

    async def first(self: Router, domain: str) -> Route:
        found = await route(self, domain)
        return replace(found, hops=found.hops[:1])

    patch.setattr(Router, "route", first)


Break = Callable[[pytest.MonkeyPatch], None]

# For each file of the catalogue, the behaviour without which its scenarios fail.
GUARDS: dict[str, Break] = {
    "first-mx-refused": knows_the_first_server_only,
    "all-mx-down": bounces_what_could_wait,
    "syn-swallowed": bounces_what_could_wait,
    "no-banner": bounces_what_could_wait,
    "greeting-refused-for-now": bounces_what_could_wait,
    "greeting-refused-for-good": never_gives_up,
    "greeting-refused-then-next-mx": knows_the_first_server_only,
    "cut": bounces_what_could_wait,
    "stalled": bounces_what_could_wait,
    "answer-to-message-lost": bounces_what_could_wait,
    "refused-for-now": bounces_what_could_wait,
    "refused-for-good": never_gives_up,
    "greylisted": bounces_what_could_wait,
    "three-fates": bounces_what_could_wait,
    "unknown-code": bounces_what_could_wait,
    "unknown-code-for-good": never_gives_up,
    "over-quota-for-good": never_gives_up,
    "rate-limited": bounces_what_could_wait,
}


def test_every_scenario_is_held_against_both_tables() -> None:
    assert set(FINDINGS) == set(SCENARIOS)
    assert set(GUARDS) == {Path(scenario.file).stem for scenario in SCENARIOS.values()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_its_findings_name_the_cause_and_nothing_else(name: str, tmp_path: Path) -> None:
    outcome = play(SCENARIOS[name], tmp_path)
    assert outcome.analysis is not None
    assert {finding.code for finding in outcome.analysis.findings} == set(FINDINGS[name].split())
    frames = {packet.frame for packet in outcome.analysis.packets()}
    for finding in outcome.analysis.findings:
        assert finding.frames
        assert set(finding.frames) <= frames


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_it_is_red_when_what_it_guards_is_broken(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labs are forked from this process, so the patch holds inside them."""
    break_it = GUARDS[Path(scenario.file).stem]
    break_it(monkeypatch)
    outcome = play(scenario, tmp_path)
    assert outcome.result is Result.FAILED, f"it holds with {break_it.__doc__}; {outcome.played.error}"
