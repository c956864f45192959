"""DMARC's failure reports, sent: what the owner of a domain is told of a signature that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: A signature whose key is PUBLISHED
hosts:
  crepes.fr: {dkim: {publish: PUBLISHED}, mailboxes: [alice, postmaster]}
  someschool.edu: {checks: [spf, dkim, dmarc], reports: postmaster, mailboxes: [bob, postmaster]}
  ns.lab:
    records:
      crepes.fr: |
        @      TXT "v=spf1 mx -all"
        _dmarc TXT "v=DMARC1; p=reject; ruf=mailto:postmaster@crepes.fr; rua=mailto:postmaster@crepes.fr; fo=d"
      someschool.edu: '@ TXT "v=spf1 mx -all"'
steps:
  - send: {to: bob@someschool.edu}
  - wait: 25h
expect:
  - authenticated: {to: bob@someschool.edu, dkim: FOUND, dmarc: pass}
  - reported: {to: postmaster@crepes.fr, report: failure, failure: WORD, dkim: fail, reports: 1}
  - reported: {to: postmaster@crepes.fr, report: aggregate, domain: crepes.fr, dkim: fail, count: 1}
"""


@pytest.mark.parametrize(
    ("published", "found", "word"),
    [("revoked", "permerror", "revoked"), ("nothing", "permerror", "signature"), ("another key", "fail", "signature")],
)
def test_what_a_key_is_told_as(published: str, found: str, word: str, tmp_path: Path) -> None:
    text = SCENARIO.replace("PUBLISHED", published).replace("FOUND", found).replace("WORD", word)
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
