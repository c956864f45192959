"""captures/ holds an annotated reference trace of every scenario: judged again, it still holds, and new runs agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.scenario.load import discover, load
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play, semantic

SCENARIOS = discover([PROJECT / "scenarios"])


def _reference(file: Path) -> Path:
    return PROJECT / "captures" / f"{file.stem}.pcapng"


def test_every_scenario_has_one_and_nothing_else_lies_there() -> None:
    assert {path.name for path in (PROJECT / "captures").iterdir()} == {_reference(file).name for file in SCENARIOS}


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_a_stored_trace_can_be_judged_again(file: Path) -> None:
    judgement = judge(load(file), inspect(_reference(file)))
    assert [f"{v.what}: {v.why}" for v in (*judgement.expectations, *judgement.always) if not v.held] == []


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_it_is_small_and_carries_its_scenario_and_comments(file: Path) -> None:
    analysis = inspect(_reference(file))
    assert _reference(file).stat().st_size < 100_000
    assert analysis.log[0].fields["scenario"] == file.read_text()
    assert set(analysis.capture.comments) == {packet.frame for packet in analysis.packets()}


@pytest.mark.lab
@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_a_new_run_tells_the_same_story(file: Path, tmp_path: Path) -> None:
    outcome = play(file, tmp_path)
    assert outcome.analysis is not None
    assert semantic(outcome.analysis) == semantic(inspect(_reference(file)))
