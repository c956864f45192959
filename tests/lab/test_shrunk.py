"""Programs that break one promise: what is red is shrunk, written, and red in ``testbed run`` for the same cause."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from testbed.crew.crew import LocalCrew
from testbed.explore.candidate import FaultData
from testbed.explore.cause import cause as told
from testbed.explore.cause import causes
from testbed.explore.engagement import Engagement
from testbed.explore.first_run import explored
from testbed.explore.oracles import breaches
from testbed.explore.ran import Order
from testbed.explore.shrink import shrink
from testbed.explore.written import Written, write
from testbed.scenario.load import load
from testbed.scenario.rewritten import data_of
from tests.command import testbed
from tests.lab.test_liars import FOLDER
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

SCENARIO = """
title: Lunch for two, then dinner
seed: 3
hosts:
  crepes.fr:
    role: relay
    command: [{python}, relay.py, {lie}]
    mailboxes: [alice, carol]
    environment: {{DELIVER_INTO: "{{mailboxes}}", RETRY_S: 600}}
  someschool.edu: {{mailboxes: [bob, carol, dave]}}
steps:
  - send: {{to: [bob@someschool.edu, dave@someschool.edu], subject: Lunch, attach: {{file: menu.txt}}}}
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "In the evening, then"}}
  - wait: 2h
expect:
  - delivered: {{to: bob@someschool.edu, copies: 2}}
  - connection: {{from: alice.crepes.fr, to: crepes.fr, handshake: complete}}
"""
LATE = {"at": "someschool.edu", "on": "EHLO", "delay": "2s", "times": 1}
PUT_OFF = {"at": "someschool.edu", "on": "RCPT", "nth": 2, "reply": ["451-4.3.0 Not", "451 4.3.0 Later"], "times": 1}
CUT = {"at": "someschool.edu", "on": "message", "then": "reset", "octet": 100, "times": 1}
TO_BOB = {"send": {"to": "bob@someschool.edu"}}
TO_BOTH = {"send": {"to": ["bob@someschool.edu", "dave@someschool.edu"]}}

LIES: dict[str, tuple[list[FaultData], list[FaultData], list[object], str]] = {
    "drops-what-is-put-off": (
        [LATE, PUT_OFF],
        [{"at": "someschool.edu", "on": "RCPT", "reply": "451 4.3.0 Later", "times": 1}],
        [TO_BOB],
        "lost-message-someschool-rcpt-451",
    ),
    "heeds-no-lost-answer": ([CUT, LATE], [CUT], [TO_BOB], "lost-message-someschool-message-reset-mid-message"),
    "forgets-the-last-recipient": ([LATE], [], [TO_BOTH], "lost-message"),
    "sends-again-after-250": ([LATE], [], [TO_BOB], "sent-again"),
}


@pytest.fixture
def crew() -> Iterator[LocalCrew]:
    """Two players."""
    crew = LocalCrew(2)
    yield crew
    crew.dismiss()


def found(lie: str, faults: list[FaultData], crew: LocalCrew, folder: Path) -> tuple[str, Written]:
    """A red run of the scenario with faults, shrunk and written into another folder; and what it was red for."""
    (folder / "kept").mkdir()
    here = folder / "here"
    here.mkdir()
    shutil.copy(FOLDER / "relay.py", here)
    (here / "menu.txt").write_text("Crêpes\n")
    (here / "lunch.yaml").write_text(SCENARIO.format(lie=lie, python=sys.executable))
    subject = explored(load(here / "lunch.yaml"))
    play = partial(crew.play, Engagement(subject, folder / "kept", 30.0))
    [ran] = [ran for ran in play([Order(0, tuple(faults))]) if ran is not None]
    assert ran.breaches, ran
    cause = causes(ran)[0]
    shrunk = shrink(subject, faults, cause, play)
    assert shrunk.all_tried
    written = write(subject, shrunk, play, folder / "kept", folder / "found", "testbed explore lunch.yaml")
    assert written is not None
    return cause, written


@pytest.mark.parametrize("lie", LIES)
def test_the_smallest_scenario_is_written_and_red_for_the_same_cause(lie: str, crew: LocalCrew, tmp_path: Path) -> None:
    faults, left, steps, name = LIES[lie]
    cause, written = found(lie, faults, crew, tmp_path)
    assert written.scenario == tmp_path / "found" / f"{name}.yaml"
    assert str(written.confirmed) == "red 3 of 3"
    scenario = load(written.scenario)
    data = data_of(scenario)
    assert data.get("faults", []) == left
    assert data["steps"] == steps
    assert data["hosts"] == {
        "crepes.fr": {
            "role": "relay",
            "command": [sys.executable, "../here/relay.py", lie],
            "environment": {"DELIVER_INTO": "{mailboxes}", "RETRY_S": 600},
        }
    }
    assert data["settle"] == "1h"
    outcome = play(scenario, tmp_path)
    assert outcome.judgement is not None
    assert all(verdict.held for verdict in outcome.judgement.expectations)
    assert outcome.analysis is not None
    assert cause in map(told, breaches(scenario, outcome.analysis, outcome.judgement))
    ran = testbed("run", written.scenario)
    assert ran.returncode == 1, ran.stderr


def test_what_is_written_tells_a_stranger_what_was_seen_and_where(crew: LocalCrew, tmp_path: Path) -> None:
    _, written = found("drops-what-is-put-off", [PUT_OFF], crew, tmp_path)
    assert written.in_run
    text = written.scenario.read_text()
    comments = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    assert "Found by 'testbed explore lunch.yaml'" in comments
    assert "red 3 of 3" in comments
    assert "What goes wrong: someschool.edu answers RCPT with 451 4.3.0 Later once" in comments
    assert "bob@someschool.edu; it is neither delivered, bounced, nor queued" in comments
    assert "What should have happened (RFC 5321 §6.1, §4.2.5):" in comments
    assert all(len(line) <= 120 for line in text.splitlines())
    assert written.trace == tmp_path / "found" / "lost-message-someschool-rcpt-451.pcapng"
    assert written.confirmed.breach is not None
    shown = testbed("inspect", written.trace)
    assert shown.returncode == 0, shown.stderr
    assert f"in frame {written.confirmed.breach.frames[0]} of {written.trace.name}" in comments
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == []
