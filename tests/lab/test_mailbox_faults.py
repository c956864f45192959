"""A mailbox that a fault leaves no room: refused at each door, and open again afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: A mailbox without room
hosts:
  crepes.fr: {{retry: 10m, routes: {routes}}}
  someschool.edu: {{mailboxes: {{bob: {quota}, carol: {{}}}}, lmtp: true}}
faults:
  - {{mailbox: bob@someschool.edu, is: {state}, until: 1h}}
steps:
  - {step}
  - wait: 2h
expect:
  - {expected}
"""
SEND = "send: {to: bob@someschool.edu}"
DOORS = {
    "full at RCPT": ("full", "{}", SEND, "reply: {from: someschool.edu, on: RCPT, code: 452 4.2.2, count: 6}"),
    "nearly full behind the final dot": (
        "nearly-full",
        "{}",
        SEND,
        "reply: {from: someschool.edu, on: message, code: 452 4.2.2, count: 6}",
    ),
    "by LMTP, for its owner alone": (
        "nearly-full",
        "{someschool.edu: {lmtp: someschool.edu}}",
        "send: {to: [bob@someschool.edu, carol@someschool.edu]}",
        "delivered: {to: carol@someschool.edu, within: 1m}",
    ),
    "at APPEND": (
        "full",
        "{}",
        "read: {mailbox: bob@someschool.edu, via: imap, append: 1 KB}",
        "reply: {from: someschool.edu, on: IMAP APPEND, code: NO}",
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_it_takes_nothing_until_there_is_room(door: str, tmp_path: Path) -> None:
    state, routes, step, expected = DOORS[door]
    outcome = play(SCENARIO.format(state=state, routes=routes, step=step, expected=expected, quota="{}"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


def test_a_full_mailbox_cannot_be_filled(tmp_path: Path) -> None:
    quota = "{quota: 5 KB, filled: 5 KB}"
    expected = "queued: {at: crepes.fr, count: 1}"
    outcome = play(SCENARIO.format(state="full", routes="{}", step=SEND, expected=expected, quota=quota), tmp_path)
    assert "changed nothing: there was no room anyway" in why(outcome)


def test_mailboxes_of_programs_are_their_own() -> None:
    text = """
title: x
hosts: {someschool.edu: {command: x, mailboxes: [bob]}}
faults: [{mailbox: bob@someschool.edu, is: full}]
steps: [{send: {to: bob@someschool.edu}}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""
    with pytest.raises(ScenarioError, match="someschool.edu is a program, whose quotas are its own"):
        parse(text)
