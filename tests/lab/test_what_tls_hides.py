"""What TLS hides is not judged: no scenario is red, and none a proof, because no key opens it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from testbed.expect import judge
from testbed.outcome import Result
from testbed.pcap.read import read_capture
from testbed.scenario.load import parse
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse, inspect
from tests.command import testbed
from tests.lab.test_reference_traces import reference
from tests.lab.test_scenarios import play, why
from tests.scenarios import SCENARIOS

UNDER_TLS = [scenario for scenario in SCENARIOS if Path(scenario.file).parent.name in ("tls", "auth")]
THROUGH_TLS = "scenarios/tls/through-tls.yaml"

LOST = """
title: A receiver that forgets, and nobody can read what it promised
hosts:
  someschool.edu: {{command: [{python}, {program}, serves, {certificate}], mailboxes: [bob]}}
  hamburger.edu: {{role: receiver, mailboxes: [carol]}}
steps:
  - run: {{command: {python} {program} sends someschool.edu, on: crepes.fr}}
  - send: {{from: alice@crepes.fr, to: carol@hamburger.edu, subject: Dinner}}
expect:
  - reply: {{from: someschool.edu, on: message, code: 250, count: 1}}
  - delivered: {{to: carol@hamburger.edu, subject: Dinner}}
"""


@pytest.fixture
def no_tshark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def without_keys(scenario: Scenario, label: bytes = b"") -> Analysis:
    """The reference, as if no host had told its keys, or none of one label."""
    path = reference(scenario)
    capture = read_capture(path)
    lines = (line for secret in capture.secrets for line in bytes(secret).splitlines(keepends=True))
    kept = b"".join(line for line in lines if not line.startswith(label))
    return analyse(replace(capture, secrets=(memoryview(kept),)), str(path))


@pytest.mark.usefixtures("no_tshark")
@pytest.mark.parametrize("scenario", UNDER_TLS, ids=lambda scenario: scenario.name)
def test_without_tshark_everything_is_judged(scenario: Scenario) -> None:
    analysis = inspect(reference(scenario))
    assert analysis.problems == ()
    assert judge(scenario, analysis).not_judged == ()


@pytest.mark.parametrize("scenario", UNDER_TLS, ids=lambda scenario: scenario.name)
def test_what_stays_encrypted_turns_no_scenario_red(scenario: Scenario) -> None:
    analysis = without_keys(scenario)
    judgement = judge(scenario, analysis)
    assert [f"{v.what}: {v.why}" for v in (*judgement.expectations, *judgement.always) if not v.held] == []
    sealed = any(connection.tls is not None and connection.tls.sealed for connection in analysis.connections)
    assert bool(judgement.not_judged) == sealed


@pytest.mark.parametrize("label", ["SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"])
@pytest.mark.parametrize("scenario", UNDER_TLS, ids=lambda scenario: scenario.name)
def test_half_a_dialogue_turns_no_scenario_red(scenario: Scenario, label: str) -> None:
    judgement = judge(scenario, without_keys(scenario, label.encode()))
    assert [f"{v.what}: {v.why}" for v in (*judgement.expectations, *judgement.always) if not v.held] == []


@pytest.mark.parametrize("limit", ["count: 0", "count: 1", "at_least: 1", "at_most: 1"])
def test_how_many_transactions_are_encrypted_is_not_judged(limit: str) -> None:
    scenario = next(scenario for scenario in UNDER_TLS if scenario.file.endswith(THROUGH_TLS))
    expected = parse(f"title: T\nsteps: [wait: 1s]\nexpect: [transactions: {{to: someschool.edu, {limit}}}]")
    [verdict] = judge(expected, without_keys(scenario)).expectations
    assert not verdict.judged
    assert verdict.why == "a connection from crepes.fr to someschool.edu stays encrypted"


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """A scenario in which two programs keep their keys."""
    program, certificate = Path(__file__).parent / "liars" / "secretive.py", tmp_path / "certificate.pem"
    issued = trustme.CA().issue_cert("someschool.edu")
    certificate.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    path = tmp_path / "hidden.yaml"
    path.write_text(LOST.format(python=sys.executable, program=program, certificate=certificate))
    return path


@pytest.mark.lab
@pytest.mark.usefixtures("no_tshark")
def test_a_promise_that_nobody_can_read_is_no_lost_mail(hidden: Path, tmp_path: Path) -> None:
    outcome = play(hidden.read_text(), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.judgement is not None
    assert {verdict.what for verdict in outcome.judgement.not_judged} >= {"mail under TLS"}
    assert [verdict.judged for verdict in outcome.judgement.expectations] == [False, True]


@pytest.mark.lab
def test_every_output_says_so_and_once_what_would_help(hidden: Path, tmp_path: Path) -> None:
    files = {option: tmp_path / f"run.{option}" for option in ("junit", "tap", "markdown")}
    told = testbed(
        "run", "--json", "--github", *(word for o, file in files.items() for word in (f"--{o}", file)), hidden,
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    assert document["totals"] == {"held": 1, "failed": 0, "skipped": 0, "error": 0}
    assert document["not_judged"] == 1
    assert document["remedy"] == (
        "TLS stays encrypted in 1 scenario: the trace lacks keys of a program; "
        "to have it judged, make it write them to the file SSLKEYLOGFILE names"
    )
    assert [scenario["judged"] for scenario in document["scenarios"]] == [False]
    assert files["junit"].read_text().count("not judged: mail under TLS") == 1
    assert files["tap"].read_text().count("# not judged: mail under TLS") == 1
    assert "❔ 1 not judged in full" in files["markdown"].read_text()
    assert files["markdown"].read_text().count("SSLKEYLOGFILE") == 1
    assert told.stderr.splitlines()[-1].startswith("::warning title=Mail Testbed::1 scenario held, but")
    plain = " ".join(testbed("run", hidden).stdout.split())
    assert plain.count("1 held (1 of them not judged in full)") == plain.count("SSLKEYLOGFILE") == 1
