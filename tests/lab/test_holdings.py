"""What a program says of its queue, and what lies in its mbox files, is judged as its Maildirs and its files are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.inspect import inspect
from testbed.trace.model.log import of
from tests.conftest import PROJECT
from tests.lab.test_liars import FOLDER
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

HOLDER = """
title: A relay that {way}
hosts:
  crepes.fr:
    role: relay
    command: [{python}, {program}, {way}]
    holds: [{python}, {program}, --list, {way}]
faults: {faults}
steps:
  - send: {{to: bob@someschool.edu, subject: Lunch}}
  - send: {{to: [bob@someschool.edu, carol@someschool.edu], subject: Dinner}}
  - wait: 1s
expect:
  - reply: {{from: crepes.fr, to: message, code: 250, count: 2}}
"""
CRASH = "[{host: crepes.fr, is: crashed, from: 700ms, until: 800ms}]"


def _holder(way: str, folder: Path, faults: str = "[]") -> Outcome:
    program = FOLDER / "holder.py"
    return play(HOLDER.format(way=way, python=sys.executable, program=program, faults=faults), folder)


@pytest.mark.parametrize(
    ("way", "lost"),
    [
        ("says-it-is-empty", ["bob", "bob", "carol"]),
        ("forgets", ["bob", "bob", "carol"]),
        ("forgets-the-second", ["bob", "carol"]),
    ],
)
def test_what_a_program_does_not_list_is_lost(way: str, lost: list[str], tmp_path: Path) -> None:
    outcome = _holder(way, tmp_path)
    assert outcome.judgement is not None, outcome.played.error
    [verdict] = [verdict for verdict in outcome.judgement.mail if not verdict.held]
    losses = [f"to {user}@someschool.edu; it is neither delivered, bounced nor queued" for user in lost]
    assert sum(verdict.why.count(loss) for loss in set(losses)) == len(losses), verdict.why


@pytest.mark.parametrize("faults", ["[]", CRASH], ids=["", "killed-and-started-again"])
@pytest.mark.parametrize("way", ["keeps-its-promises", "says-in-words"])
def test_what_a_program_lists_is_kept(way: str, faults: str, tmp_path: Path) -> None:
    outcome = _holder(way, tmp_path, faults)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.not_judged == ()
    assert outcome.judgement is not None
    assert outcome.judgement.mail[-1].why == "3 promises kept"


@pytest.mark.parametrize("way", ["cannot-say", "counts-only", "never-ends"])
def test_what_a_listing_does_not_tell_is_not_judged(way: str, tmp_path: Path) -> None:
    outcome = _holder(way, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert any("cannot be seen" in verdict.why for verdict in outcome.not_judged)


def test_a_stored_trace_is_judged_by_its_listing_again(tmp_path: Path) -> None:
    outcome = _holder("forgets", tmp_path)
    again = judge(outcome.scenario, inspect(tmp_path / "trace.pcapng"))
    assert again == outcome.judgement
    assert not again.held
    assert outcome.analysis is not None
    assert [entry.event.form for entry in of(outcome.analysis.log, events.QueueListed)] == ["text"]


POSTFIX = """
title: Postfix says what waits in its queue
needs: [postfix, root]
hosts:
  crepes.fr:
    role: relay
    command: "{{directory}}/start"
    files: {files}
    holds: [postqueue, -c, "{{directory}}/etc", {option}]
faults: [{{at: someschool.edu, on: RCPT, reply: 452 4.2.2 Full}}]
steps:
  - send: {{to: [bob@someschool.edu, carol@someschool.edu]}}
  - wait: 2s
expect:
  - reply: {{from: someschool.edu, to: RCPT, code: 452 4.2.2}}
"""


@pytest.mark.parametrize(("option", "form"), [("-p", "mailq"), ("-j", "postqueue")])
def test_postfix_is_asked_what_it_holds(option: str, form: str, tmp_path: Path) -> None:
    outcome = play(POSTFIX.format(files=PROJECT / "scenarios" / "postfix" / "relay", option=option), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    [told] = of(outcome.analysis.log, events.QueueListed)
    assert (told.event.form, told.event.complete, told.event.failed) == (form, 1, "")
    listed = [(e.event.sender, e.event.recipient) for e in of(outcome.analysis.log, events.HoldsListed)]
    assert sorted(listed) == [("alice@crepes.fr", f"{user}@someschool.edu") for user in ("bob", "carol")]
