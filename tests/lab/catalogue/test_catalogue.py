"""The catalogue of failures: findings name the cause, and every scenario is red when what it guards is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.scenario.load import discover, load_all
from testbed.scenario.scenario import Scenario
from tests.conftest import PROJECT
from tests.lab.catalogue.group import Group
from tests.lab.catalogue.groups import connection, dialogue, programs, replies
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

GROUPS: dict[str, Group] = {
    "connection": connection,
    "dialogue": dialogue,
    "programs": programs,
    "replies": replies,
}
SCENARIOS = {scenario.name: scenario for scenario in load_all(discover((PROJECT / "scenarios").glob("*/")))}
FINDINGS = {name: codes for group in GROUPS.values() for name, codes in group.FINDINGS.items()}
GUARDS = {name: guard for group in GROUPS.values() for name, guard in group.GUARDS.items()}


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
    break_it = GUARDS[Path(scenario.file).stem]
    break_it(monkeypatch)
    outcome = play(scenario, tmp_path)
    assert outcome.result is Result.FAILED, f"it holds with {break_it.__doc__}; {outcome.played.error}"
