"""The catalogue of failures: every scenario holds, tells the story of its reference trace, and is red when broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.scenario.scenario import Scenario
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.inspect import inspect
from tests.lab.catalogue.group import Group
from tests.lab.catalogue.groups import (
    auth,
    authentication,
    connection,
    course,
    crash,
    dialogue,
    dkim,
    dns,
    extensions,
    framing,
    lmtp,
    notifications,
    postfix,
    programs,
    queue,
    reading,
    replies,
    reuse,
    spf,
    spoofing,
    textbook,
    tls,
    transport,
    wire,
)
from tests.lab.test_reference_traces import reference
from tests.lab.test_scenarios import play, why
from tests.scenarios import SCENARIOS as CATALOGUE

pytestmark = pytest.mark.lab

GROUPS: dict[str, Group] = {
    "": textbook,
    "auth": auth,
    "authentication": authentication,
    "connection": connection,
    "course": course,
    "crash": crash,
    "dialogue": dialogue,
    "dkim": dkim,
    "dns": dns,
    "extensions": extensions,
    "framing": framing,
    "lmtp": lmtp,
    "notifications": notifications,
    "postfix": postfix,
    "programs": programs,
    "queue": queue,
    "reading": reading,
    "replies": replies,
    "reuse": reuse,
    "spf": spf,
    "spoofing": spoofing,
    "tls": tls,
    "transport": transport,
    "wire": wire,
}
SCENARIOS = {scenario.name: scenario for scenario in CATALOGUE}
FINDINGS = {name: codes for group in GROUPS.values() for name, codes in group.FINDINGS.items()}
GUARDS = {name: guard for group in GROUPS.values() for name, guard in group.GUARDS.items()}


def test_every_scenario_is_explained_and_held_against_both_tables() -> None:
    assert set(FINDINGS) == set(SCENARIOS)
    assert all(scenario.about and scenario.rfc for scenario in SCENARIOS.values())
    assert set(GUARDS) == {Path(scenario.file).stem for scenario in SCENARIOS.values()}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_it_holds_and_the_cause_is_found_and_nothing_else(scenario: Scenario, tmp_path: Path) -> None:
    outcome = play(scenario, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    found = {finding.code for finding in outcome.analysis.findings}
    codes = FINDINGS[scenario.name].split()
    assert found - {code.removesuffix("?") for code in codes if code.endswith("?")} == {
        code for code in codes if not code.endswith("?")
    }
    frames = {packet.frame for packet in outcome.analysis.packets()}
    for finding in outcome.analysis.findings:
        assert finding.frames
        assert set(finding.frames) <= frames
    if not scenario.has_programs:
        assert compare_analyses(inspect(reference(scenario)), outcome.analysis).differences == ()


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_it_is_red_when_what_it_guards_is_broken(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it = GUARDS[Path(scenario.file).stem]
    break_it(monkeypatch)
    outcome = play(scenario, tmp_path)
    assert outcome.result is Result.FAILED, f"{outcome.result} with {break_it.__doc__} {outcome.played.error}"
