"""Honest software does many things that look like lies: none of them is red, whatever else is said of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.honest.dialogues import HONEST
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

FOLDER = Path(__file__).parent / "honest"
MAILBOXES = """
title: A mailbox server and its readers, honest in many ways
hosts:
  someschool.edu:
    command: [{python}, {folder}/mailboxes.py, serve]
    listens: [110, 143]
    mailboxes: [{users}]
  bob.someschool.edu: {{address: bob@someschool.edu}}
steps:
  - run: {{command: [{python}, {folder}/mailboxes.py, visit, someschool.edu], on: bob.someschool.edu}}
expect:
  - exited: {{command: mailboxes.py, status: 0}}
"""

RELAY = """
title: A relay, honest in many ways
hosts:
  alice.crepes.fr: {{}}
  crepes.fr:
    role: relay
    command: [{python}, {folder}/relay.py]
    mailboxes: [alice, dave, postmaster]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
  someschool.edu: {{mailboxes: [bob, carol, srs, batv, verp, below, probed]}}
faults:
  - {{at: someschool.edu, on: RCPT, recipient: probed@someschool.edu, reply: 450 4.2.1 Busy, times: 2}}
steps:
  - run: {{command: [{python}, {folder}/submissions.py, crepes.fr], on: alice.crepes.fr}}
  - wait: 8s
expect:
  - delivered: {{to: probed@someschool.edu}}
  - delivered: {{to: srs@someschool.edu}}
"""


def test_relays_that_are_honest_are_never_red(tmp_path: Path) -> None:
    outcome = play(RELAY.format(python=sys.executable, folder=FOLDER), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


def test_mailbox_servers_and_readers_that_are_honest_are_never_red(tmp_path: Path) -> None:
    users = ", ".join(user for user in HONEST if user.replace("-", "").isalpha())
    outcome = play(MAILBOXES.format(python=sys.executable, folder=FOLDER, users=users), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
