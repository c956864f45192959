"""A program that takes mail by SMTP and hands it to the mailbox server by LMTP is judged as by any hop."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_liars import broken, played
from tests.lab.test_scenarios import why

pytestmark = pytest.mark.lab

GATEWAY = """
title: A gateway that {lie}
hosts:
  crepes.fr: {{routes: {{someschool.edu: {{smtp: mx.someschool.edu}}}}}}
  mx.someschool.edu:
    role: relay
    command: [{python}, {program}, {lie}]
    listens: 25
    environment: {{BY_LMTP: "yes"}}
  someschool.edu: {{lmtp: true, smtp: false, mailboxes: [bob, carol]}}
faults:
  - {{at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy, times: 1}}
steps:
  - send: {{to: [bob@someschool.edu, carol@someschool.edu], subject: Lunch, body: "At noon?"}}
  - wait: 200ms
  - send: {{to: bob@someschool.edu, subject: Dinner}}
  - wait: 2s
expect:
  - reply: {{from: mx.someschool.edu, on: message, code: 250, count: 2}}
"""


def test_what_the_next_server_takes_by_lmtp_is_delivered(tmp_path: Path) -> None:
    outcome = played(GATEWAY, "relay.py", "keeps-its-promises", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.not_judged == ()


@pytest.mark.parametrize(
    ("lie", "breach"),
    [
        ("forgets-every-second", "mx.someschool.edu answered 250 for {two} to bob@someschool.edu; it is neither"),
        ("forgets-the-last-recipient", "mx.someschool.edu answered 250 for {one} to carol@someschool.edu; it is"),
        ("changes-a-letter", "mx.someschool.edu altered {one} on its way to someschool.edu: its text is not"),
        ("sends-twice", "mx.someschool.edu sent {one} for bob@someschool.edu again after it had heard"),
    ],
)
def test_what_is_lost_or_changed_before_lmtp_is_red(lie: str, breach: str, tmp_path: Path) -> None:
    found = broken(played(GATEWAY, "relay.py", lie, tmp_path))
    assert any(breach in one for one in found), found
