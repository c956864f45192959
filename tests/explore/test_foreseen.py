"""What a scenario foresees is broken by nobody when it is explored, although its expectations are not judged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.explore.first_run import explored
from testbed.explore.play import play
from testbed.explore.ran import Came, Order
from testbed.scenario.load import parse

pytestmark = [pytest.mark.lab, pytest.mark.program("cc")]

FOLDER = Path(__file__).parent / "liars"
BY_A_STRANGER = f"""
title: A stranger's mail
hosts:
  mallory.example: {{role: client}}
  crepes.fr: {{role: relay, command: [{sys.executable}, {FOLDER}/relay.py, keeps-its-promises], mailboxes: [alice]}}
settle: 1h
steps:
  - talk: {{from: mallory.example, to: crepes.fr, say: [EHLO mallory.example, "MAIL FROM:<mallory@mallory.example>",
      "RCPT TO:<bob@someschool.edu>", DATA,
      {{octets: "Message-ID: <1@mallory.example><CRLF><CRLF>Hi<CRLF>.<CRLF>"}}, NOOP, QUIT]}}
expect: [%s]
"""
ENDS = f"""
title: A receiver that dies of a reset
hosts: {{someschool.edu: {{command: [{sys.executable}, {FOLDER}/receiver.py, dies-of-a-reset], mailboxes: [bob]}}}}
faults: [{{at: crepes.fr, as: client, on: RCPT, then: reset, times: 1}}]
settle: 1h
steps: [send: {{to: bob@someschool.edu}}]
expect: [%s]
"""
TAKEN = "reply: {from: crepes.fr, on: RCPT, code: 250}"
REFUSED = "connection: {from: mallory.example, to: crepes.fr, handshake: complete}"
ATTEMPT = "connection: {from: crepes.fr, to: someschool.edu, handshake: complete}"
EXITED = "exited: {command: receiver.py, status: 6}"


@pytest.mark.parametrize(
    ("text", "foresees", "does_not", "told"),
    [
        (BY_A_STRANGER, TAKEN, REFUSED, "who had not logged in"),
        (ENDS, EXITED, ATTEMPT, "ended by itself with status 6"),
    ],
    ids=["open-relay", "ends-by-itself"],
)
def test_only_who_does_not_foresee_it_sees_it_broken(
    text: str, foresees: str, does_not: str, told: str, tmp_path: Path
) -> None:
    ran = play(explored(parse(text % foresees)), Order(0, ()), tmp_path)
    assert (ran.breaches, ran.error) == ((), "")
    ran = play(explored(parse(text % does_not)), Order(0, ()), tmp_path)
    assert ran.came is Came.RED
    assert any(told in breach.why for breach in ran.breaches), ran.breaches
