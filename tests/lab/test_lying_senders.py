"""Programs that send mail, and break a promise of those who do, are red; those that keep it are green."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from tests.lab.test_liars import FOLDER, broken
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SENDER = """
title: A user agent that {lie}
hosts:
  alice.crepes.fr:
    address: alice@crepes.fr
    command: [{python}, {program}, {lie}, someschool.edu, "{{directory}}/letter.eml", {to}]
    files:
      letter.eml: |
        From: alice@crepes.fr
        To: bob@someschool.edu
        Message-ID: <letter@alice.crepes.fr>
        Subject: Lunch?

        At noon,
        .
        ..or
        .later
  someschool.edu: {{mailboxes: [bob]{server}}}
{faults}
steps:
  - wait: 2s
expect:
  {expect}
"""
PROGRAM = FOLDER / "sender.py"
BOB, DAVE = "bob@someschool.edu", "dave@someschool.edu"
SAID_NOTHING = "the program of alice.crepes.fr ended with status 0 and said nothing of"
REFUSED = 'faults: [{at: someschool.edu, on: message, reply: "554 5.6.0 Not this"}]'
BROKEN = "faults: [{at: someschool.edu, on: message, then: close}]"
SILENT = {
    "drops-a-recipient": (f"{BOB}, {DAVE}", "", f"someschool.edu refused {DAVE} with 550"),
    "says-nothing": (BOB, REFUSED, f"someschool.edu refused {BOB} with 554 5.6.0"),
    "says-nothing when the connection breaks": (BOB, BROKEN, f"no 250 came from someschool.edu for {BOB}"),
    "hangs-up": (BOB, "", f"no 250 came from someschool.edu for {BOB}"),
}
LIES = {
    "sends-twice": (BOB, "", f"alice.crepes.fr sent <letter@alice.crepes.fr> for {BOB} again after it had heard"),
    "stuffs-no-dots": (BOB, "", "alice.crepes.fr altered <letter@alice.crepes.fr>, which its scenario has written"),
}
TRIES = "- connection: {from: alice.crepes.fr, to: someschool.edu, handshake: complete}"
AGREES = "- exited: {command: sender.py, agrees_with: message}"


def sent(lie: str, to: str, folder: Path, *, faults: str = "", expect: str = TRIES, server: str = "") -> Outcome:
    """What is said of a user agent."""
    text = SENDER.format(
        lie=lie, to=to, faults=faults, expect=expect, server=server, python=sys.executable, program=PROGRAM
    )
    return play(text, folder)


@pytest.mark.parametrize("lie", LIES)
def test_a_sender_that_breaks_a_promise_is_red(lie: str, tmp_path: Path) -> None:
    to, faults, sentence = LIES[lie]
    found = broken(sent(lie.partition(" ")[0], to, tmp_path, faults=faults))
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize("way", SILENT)
def test_a_status_of_0_after_a_failure_is_red_where_it_is_to_agree_with_the_replies(way: str, tmp_path: Path) -> None:
    """Otherwise it is not judged: the program may keep the mail for later."""
    to, faults, fate = SILENT[way]
    outcome = sent(way.partition(" ")[0], to, tmp_path / "asked", faults=faults, expect=AGREES)
    assert outcome.judgement is not None
    [verdict] = outcome.judgement.expectations
    assert not verdict.held
    assert f"status 0, and {fate}" in verdict.why
    outcome = sent(way.partition(" ")[0], to, tmp_path / "unasked", faults=faults)
    assert outcome.result is Result.HELD, why(outcome)
    assert any(SAID_NOTHING in one.why and fate in one.why for one in outcome.not_judged), outcome.not_judged


def test_a_letter_may_be_filled_in_but_that_is_told(tmp_path: Path) -> None:
    outcome = sent("changes-the-letter", BOB, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert any("alice.crepes.fr altered <letter@alice.crepes.fr>" in one.why for one in outcome.not_judged)


STEP = """
title: A step sends one message twice, and to two recipients one after the other
hosts:
  alice.crepes.fr: {{address: alice@crepes.fr}}
  someschool.edu: {{mailboxes: [bob, carol]}}
steps:
  - run: [{python}, -c, {program}]
expect:
  - exited: {{command: {python}, status: 0}}
"""
SENDS_AGAIN = """import smtplib
with smtplib.SMTP("someschool.edu", 25) as server:
    for to in ("bob", "bob", "carol"):
        server.sendmail("alice@crepes.fr", [to + "@someschool.edu"], "Message-ID: <1.again@crepes.fr>\\n\\nAt noon?\\n")
"""


def test_a_step_may_send_a_message_as_often_as_it_likes(tmp_path: Path) -> None:
    """The scenario has said so; only a program that plays a host can break a promise of its own."""
    outcome = play(STEP.format(python=sys.executable, program=json.dumps(SENDS_AGAIN)), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


def test_a_sender_that_sends_a_message_to_nobody_is_red(tmp_path: Path) -> None:
    server = f", command: [{sys.executable}, {FOLDER / 'receiver.py'}, refuses-dave, '{{mailboxes}}']"
    found = broken(sent("sends-data-to-nobody", DAVE, tmp_path, server=server))
    told = "alice.crepes.fr sent someschool.edu a message after it had heard 550 5.1.1 for every recipient"
    assert any(told in one for one in found), found


@pytest.mark.parametrize(
    ("to", "faults"), [(BOB, ""), (f"{BOB}, {DAVE}", ""), (DAVE, ""), (BOB, REFUSED), (BOB, BROKEN)]
)
def test_a_sender_that_says_how_it_went_is_green(to: str, faults: str, tmp_path: Path) -> None:
    outcome = sent("says-how-it-went", to, tmp_path, faults=faults, expect=AGREES)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize(
    ("lie", "to", "told"),
    [
        ("ends-well", DAVE, f"status 0, and someschool.edu refused {DAVE} with 550"),
        ("ends-badly", BOB, f"status 1, and someschool.edu promised it to {BOB}"),
    ],
)
def test_a_status_that_does_not_agree_with_the_replies_is_red(lie: str, to: str, told: str, tmp_path: Path) -> None:
    outcome = sent(lie, to, tmp_path, expect=AGREES)
    assert outcome.judgement is not None
    [verdict] = outcome.judgement.expectations
    assert not verdict.held
    assert told in verdict.why


def test_a_status_cannot_be_both_said_and_left_to_the_replies() -> None:
    with pytest.raises(ScenarioError, match="'agrees_with' stands in place of 'status'"):
        parse("title: x\nsteps: [{run: swaks}]\nexpect: [{exited: {command: swaks, status: 0, agrees_with: message}}]")
