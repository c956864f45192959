"""captures/ holds an annotated reference trace of every scenario: judged again, it still holds."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.scenario.scenario import Scenario
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.scenarios import SCENARIOS


def reference(scenario: Scenario) -> Path:
    """Where its trace lies."""
    return PROJECT / "captures" / f"{scenario.name}.pcapng"


def test_every_scenario_has_one_and_nothing_else_lies_there() -> None:
    names = [reference(scenario).name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert {path.name for path in (PROJECT / "captures").iterdir()} == set(names)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_stored_trace_can_be_judged_again_and_carries_its_scenario_and_comments(scenario: Scenario) -> None:
    analysis = inspect(reference(scenario))
    judgement = judge(scenario, analysis)
    assert [f"{v.what}: {v.why}" for v in (*judgement.expectations, *judgement.always) if not v.held] == []
    assert len(zlib.compress(reference(scenario).read_bytes())) < 100_000  # what it adds to a clone
    assert analysis.lab is not None
    assert (analysis.lab.scenario, analysis.lab.case) == (scenario.text, scenario.case)
    assert set(analysis.capture.comments) == {packet.frame for packet in analysis.packets()}
