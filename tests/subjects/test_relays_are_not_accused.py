"""What real relays do with mail that is hard to deliver is no loss, where the trace does not show one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.expect.conservation import CONSERVED
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

REFUSED_NOTIFICATION = """
title: The notification is refused, too, and dropped
hosts:
  crepes.fr: {{program: {relay}}}
  carol.elsewhere.org: {{role: user-agent, address: carol@elsewhere.org, server: crepes.fr}}
  elsewhere.org: {{role: receiver, mailboxes: [carol]}}
faults:
  - {{at: elsewhere.org, on: MAIL, mail_from: "<>", reply: 550 5.7.1 No notifications here}}
steps:
  - send: {{from: carol@elsewhere.org, to: nobody@someschool.edu}}
  - wait: 2m
expect:
  - reply: {{from: someschool.edu, on: RCPT, code: 550 5.1.1}}
"""
NO_REPLY = """
title: The receiver takes the message, and answers with what is no reply
hosts: {{crepes.fr: {{program: {relay}}}}}
faults:
  - {{at: someschool.edu, on: message, then: garble, times: 1}}
steps:
  - send: {{to: bob@someschool.edu}}
settle: 6h
expect:
  - attempts: {{to: someschool.edu, at_least: 1}}
"""


@pytest.mark.parametrize("relay", ["postfix", "exim", "opensmtpd"])
@pytest.mark.parametrize("text", [REFUSED_NOTIFICATION, NO_REPLY], ids=["refused-notification", "no-reply"])
def test_no_mail_is_said_to_be_lost(text: str, relay: str, have: Callable[[str], None], tmp_path: Path) -> None:
    have(relay)
    outcome = play(text.format(relay=relay), tmp_path)
    assert outcome.judgement is not None, outcome.played.error
    [conserved] = [verdict for verdict in outcome.judgement.mail if verdict.what == CONSERVED]
    assert conserved.held, why(outcome)
