"""A team's own oracles: loaded by file or module, asked in every run, and never a traceback or a false green."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from testbed.crew.crew import LocalCrew
from testbed.errors import UsageError
from testbed.explore.engagement import Engagement
from testbed.explore.exploration import Tally, Wanted, explore
from testbed.explore.first_run import explored
from testbed.explore.oracles.own import own_oracles
from testbed.explore.ran import Breach, Came, Order
from testbed.scenario.load import load
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.traces import traces_of

SCENARIO = PROJECT / "scenarios" / "delivered.yaml"
BEGIN = "from testbed.explore.ran import Breach\n\ndef breaches(scenario, analysis):\n    "
ALL_ON_TIME = 'return [Breach("mail is quick", scenario.title, (c.first_frame,)) for c in analysis.connections[:1]]'


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return inspect(traces_of("delivered")[0])


def test_a_file_with_a_function_is_an_oracle(tmp_path: Path, analysis: Analysis) -> None:
    file = tmp_path / "ours.py"
    file.write_text(BEGIN + ALL_ON_TIME)
    [oracle] = own_oracles([str(file)])
    first = analysis.connections[0].first_frame
    assert list(oracle(load(SCENARIO), analysis)) == [Breach("mail is quick", "Mail is delivered", (first,))]


def test_a_module_is_one_too(tmp_path: Path, analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_oracles.py").write_text(BEGIN + "yield from ()")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    [oracle] = own_oracles(["our_oracles"])
    assert list(oracle(load(SCENARIO), analysis)) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no such file"),
        ("", "has no function breaches(scenario, analysis)"),
        ("breaches = 5", "has no function breaches(scenario, analysis)"),
        ("def breaches(:", "cannot be loaded: SyntaxError"),
        ("import no_such_thing", "cannot be loaded: ModuleNotFoundError in line 1: No module named 'no_such_thing'"),
        ("\nraise SystemExit(3)", "cannot be loaded: SystemExit in line 2: 3"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(text: str | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=r"^the oracle \S+ours\.py") as raised:
        own_oracles([str(file)])
    assert why in str(raised.value)


@pytest.mark.parametrize("name", ["no.such.module", ".", "", "testbed.nothing"])
def test_a_module_that_is_not_there_is_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="there is no such module"):
        own_oracles([name])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise KeyError('x')", "failed: KeyError in line 4: 'x'"),
        ("raise SystemExit", "failed: SystemExit in line 4: without a word"),
        ("return None", "failed: TypeError"),
        ("return ['mail is slow']", "yields 'mail is slow'; it is to yield Breach(what, why, frames)"),
        ("return [Breach('a', 'b', ('c',))]", "it is to yield Breach(what, why, frames), frames by number"),
        ("return [Breach('a', None, ())]", "it is to yield Breach(what, why, frames), frames by number"),
        ("return [Breach('a', 'b', None)]", "failed: TypeError"),
    ],
)
def test_one_that_fails_is_a_sentence(body: str, why: str, tmp_path: Path, analysis: Analysis) -> None:
    file = tmp_path / "ours.py"
    file.write_text(BEGIN + body)
    [oracle] = own_oracles([str(file)])
    with pytest.raises(UsageError) as raised:
        list(oracle(load(SCENARIO), analysis))
    assert why in str(raised.value)


def test_one_that_never_ends_is_ended(tmp_path: Path, analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.explore.oracles.own._LIMIT_S", 0.2)
    file = tmp_path / "ours.py"
    file.write_text(BEGIN + "while True: pass")
    [oracle] = own_oracles([str(file)])
    with pytest.raises(UsageError, match="it has computed for more than"):
        list(oracle(load(SCENARIO), analysis))


@pytest.mark.lab
@pytest.mark.parametrize(
    ("body", "came", "said"),
    [
        (ALL_ON_TIME, Came.RED, "mail is quick"),
        ("return []", Came.DELIVERED, ""),
        ("raise KeyError('x')", Came.NOT_OVER, "failed: KeyError in line 4: 'x'"),
    ],
    ids=["red", "green", "fails"],
)
def test_players_ask_them_in_every_run(body: str, came: Came, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.py"
    file.write_text(BEGIN + body)
    crew = LocalCrew(1)
    try:
        work = Engagement(explored(load(SCENARIO)), tmp_path, 30.0, (str(file),))
        [ran] = [ran for ran in crew.play(work, [Order(1, ())]) if ran is not None]
    finally:
        crew.dismiss()
    assert ran.came is came
    assert said in "".join([ran.error, *(breach.what for breach in ran.breaches)])


@pytest.mark.lab
def test_what_is_red_without_faults_is_no_news_of_other_runs(tmp_path: Path) -> None:
    """Who writes bad bounces can be explored all the same, in a scenario that has one."""
    file = tmp_path / "ours.py"
    tries = '[one for one in analysis.connections if one.client.label == "crepes.fr" and one.server.port == 25]'
    tried_again = f'yield from [Breach("once", "again", (one.first_frame,)) for one in {tries}[1:]]'
    file.write_text(BEGIN + 'yield Breach("mail is quick", "it never is", (1,))\n    ' + tried_again)
    over: list[int] = []

    def told(tally: Tally) -> None:
        over[:] = [sum(tally.came.values())] if tally.name == "single faults" else []

    wanted = Wanted(1, 0, math.inf, 120.0, (str(file),), stop=lambda: sum(over) > 12, told=told)
    found = explore(load(SCENARIO), "", crew := LocalCrew(2), tmp_path / "out", wanted, "testbed explore")
    crew.dismiss()
    assert found.first is not None
    assert [breach.what for breach in found.first.breaches] == ["mail is quick"]
    assert {breach.what for one in found.singles for breach in one.ran.breaches} == {"once"}
    assert {one.ran.came for one in found.singles} > {Came.RED}
