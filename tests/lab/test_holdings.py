"""What a program says of its queue, and what lies in its mbox files, is judged as its Maildirs and its files are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.expect import judge
from testbed.expect.conservation import CONSERVED
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.scenario.load import load
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
  - wait: 200ms
  - send: {{to: [bob@someschool.edu, carol@someschool.edu], subject: Dinner}}
  - wait: 1s
expect:
  - reply: {{from: crepes.fr, on: message, code: 250, count: 2}}
"""
CRASH = "[{host: crepes.fr, is: crashed, when: it has answered message, nth: 2, times: 1, for: 100ms}]"


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
    losses = [f"to {user}@someschool.edu; it is neither delivered, bounced, nor queued" for user in lost]
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
    assert any("nobody can see" in verdict.why for verdict in outcome.not_judged)


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
  - reply: {{from: someschool.edu, on: RCPT, code: 452 4.2.2}}
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


MBOX = """
title: A receiver that {way} in mbox files
hosts:
  someschool.edu:
    command: [{python}, {program}, {way}]
    mailboxes: [bob, carol]
    environment: {{DELIVER_INTO: "{{directory}}/mail", FORM: {form}}}
    stores: {{form: mbox, at: "{{directory}}/mail/{{user}}"}}
  crepes.fr: {{retry: 10m}}
faults: {faults}
steps:
  - send: {{to: bob@someschool.edu, subject: Lunch, body: "At noon\\n\\nFrom here it is far\\n>From there, too\\n"}}
  - wait: 200ms
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "In the evening\\n"}}
  - wait: 2s
expect:
  - reply: {{from: someschool.edu, on: message, code: 250, count: 2}}
  - mailbox: {{of: bob@someschool.edu, messages: {messages}}}
"""
KILLED = "[{host: someschool.edu, is: crashed, when: it has answered message, nth: 2, times: 1, for: 300ms}]"


def _mbox(way: str, form: str, folder: Path, messages: int = 2, faults: str = "[]") -> Outcome:
    program = FOLDER / "receiver.py"
    python = sys.executable
    text = MBOX.format(way=way, python=python, program=program, form=form, messages=messages, faults=faults)
    return play(text, folder)


@pytest.mark.parametrize("faults", ["[]", KILLED], ids=["", "killed-and-started-again"])
@pytest.mark.parametrize("form", ["mboxrd", "mboxo", "mboxcl2"])
def test_what_lies_in_an_mbox_file_is_kept_as_it_was_sent(form: str, faults: str, tmp_path: Path) -> None:
    outcome = _mbox("keeps-its-promises", form, tmp_path, faults=faults)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.not_judged == ()


@pytest.mark.parametrize(
    ("way", "messages", "breach"),
    [
        ("forgets-every-second", 1, "to bob@someschool.edu; it is neither delivered, bounced, nor queued"),
        ("changes-a-letter", 2, "in the mailbox: its text is not what was sent"),
        ("drops-the-subject", 2, "in the mailbox: its header field subject is gone or changed"),
        ("delivers-twice", 4, "for bob@someschool.edu, and no lost reply explains it"),
    ],
)
def test_what_an_mbox_file_lacks_or_changes_is_red(way: str, messages: int, breach: str, tmp_path: Path) -> None:
    outcome = _mbox(way, "mboxrd", tmp_path, messages)
    assert outcome.judgement is not None, outcome.played.error
    broken = [verdict.why for verdict in outcome.judgement.mail if not verdict.held]
    assert any(breach in one for one in broken), broken
    assert all(verdict.held for verdict in outcome.judgement.expectations), why(outcome)


def test_nobody_is_said_to_have_lost_mail_in_a_lab_that_ended_before_its_inventory() -> None:
    whole = PROJECT / "captures" / "delivered.pcapng"
    [inventory] = [entry for entry in inspect(whole).log if isinstance(entry.event, events.HoldsMail)]
    analysis = inspect(whole)
    analysis = replace(analysis, log=tuple(entry for entry in analysis.log if entry.frame < inventory.frame))
    scenario = load(PROJECT / "scenarios" / "delivered.yaml")
    [verdict] = [verdict for verdict in judge(scenario, analysis).mail if verdict.what == CONSERVED]
    assert (verdict.held, verdict.judged) == (True, False), verdict.why
    assert "the lab ended before its steps were over" in verdict.why
