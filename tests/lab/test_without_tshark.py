"""What TLS hides is not judged: no scenario is red, and none a proof, because there is no tshark to open it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.outcome import Result
from testbed.scenario.load import parse
from testbed.scenario.scenario import Scenario
from testbed.trace.inspect import inspect
from tests.command import testbed
from tests.lab.test_reference_traces import reference
from tests.lab.test_scenarios import play, why
from tests.scenarios import SCENARIOS

UNDER_TLS = [scenario for scenario in SCENARIOS if Path(scenario.file).parent.name in ("tls", "auth")]
THROUGH_TLS = "scenarios/tls/through-tls.yaml"

LOST = """
title: A receiver that forgets, before a relay that uses TLS
hosts:
  someschool.edu:
    command: [{python}, {program}, forgets]
    mailboxes: [bob, dave]
  crepes.fr: {{retry: 10m, give_up: 1h, tls: opportunistic}}
  hamburger.edu: {{role: receiver, mailboxes: [carol], starttls: true}}
steps:
  - send: {{to: {to}, subject: Lunch}}
  - wait: 2s
expect:
  - reply: {{from: crepes.fr, to: message, code: 250, count: 1}}
"""


@pytest.fixture
def no_tshark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_tshark")
@pytest.mark.parametrize("scenario", UNDER_TLS, ids=lambda scenario: scenario.name)
def test_what_stays_encrypted_turns_no_scenario_red(scenario: Scenario) -> None:
    analysis = inspect(reference(scenario))
    judgement = judge(scenario, analysis)
    assert [f"{v.what}: {v.why}" for v in (*judgement.expectations, *judgement.always) if not v.held] == []
    sealed = any(connection.tls is not None and connection.tls.sealed for connection in analysis.connections)
    assert bool(judgement.not_judged) == sealed


@pytest.mark.parametrize("scenario", UNDER_TLS, ids=lambda scenario: scenario.name)
def test_with_tshark_everything_is_judged(scenario: Scenario) -> None:
    assert judge(scenario, inspect(reference(scenario))).not_judged == ()


@pytest.mark.usefixtures("no_tshark")
@pytest.mark.parametrize("limit", ["count: 0", "count: 1", "at_least: 1", "at_most: 1"])
def test_how_many_transactions_are_encrypted_is_not_judged(limit: str) -> None:
    scenario = next(scenario for scenario in UNDER_TLS if scenario.file.endswith(THROUGH_TLS))
    expected = parse(f"title: T\nsteps: [wait: 1s]\nexpect: [transactions: {{to: someschool.edu, {limit}}}]")
    [verdict] = judge(expected, inspect(reference(scenario))).expectations
    assert not verdict.judged
    assert verdict.why == "a connection from crepes.fr to someschool.edu stays encrypted"


@pytest.mark.lab
def test_every_output_says_so_and_once_what_to_install(tmp_path: Path) -> None:
    files = {option: tmp_path / f"run.{option}" for option in ("junit", "tap", "markdown")}
    told = testbed(
        "run", "--json", "--github", *(word for o, file in files.items() for word in (f"--{o}", file)), THROUGH_TLS,
        PATH=str(tmp_path), GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    assert document["totals"] == {"held": 2, "failed": 0, "skipped": 0, "error": 0}
    assert document["not_judged"] == 2
    assert document["remedy"] == "TLS stays encrypted in 2 scenarios; to have it judged, run 'apt-get install tshark'"
    assert [scenario["judged"] for scenario in document["scenarios"]] == [False, False]
    assert files["junit"].read_text().count("not judged: mail under TLS") == 2
    assert files["tap"].read_text().count("# not judged: mail under TLS") == 2
    assert "❔ 2 not judged in full" in files["markdown"].read_text()
    assert files["markdown"].read_text().count("tshark") == 1
    assert told.stderr.splitlines()[-1].startswith("::warning title=Mail Testbed::2 scenarios held, but")
    plain = testbed("run", THROUGH_TLS, PATH=str(tmp_path)).stdout
    assert plain.count("2 held (2 of them not judged in full)") == plain.count("apt-get install tshark") == 1


@pytest.mark.lab
@pytest.mark.usefixtures("no_tshark")
@pytest.mark.parametrize(
    ("to", "result"),
    [("[bob@someschool.edu, carol@hamburger.edu]", Result.FAILED), ("[carol@hamburger.edu]", Result.HELD)],
)
def test_who_speaks_in_clear_is_judged_as_ever(to: str, result: Result, tmp_path: Path) -> None:
    program = Path(__file__).parent / "liars" / "receiver.py"
    outcome = play(LOST.format(python=sys.executable, program=program, to=to), tmp_path)
    assert outcome.result is result, why(outcome)
    assert outcome.judgement is not None
    assert "mail under TLS" in [verdict.what for verdict in outcome.judgement.not_judged]
