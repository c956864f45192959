"""Relays that do not do what the recipient's domain demands are red, with the frames of what they were told."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.catalogue.policy_breaks import heeds_no_policy
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

SCENARIO = """\
title: A relay is told, and does as it likes
hosts:
  ns.lab: {{dnssec: true}}
  crepes.fr: {{tls: {wish}}}
  someschool.edu: {{starttls: true, new_key: 1w, {published}}}
faults: {faults}
steps:
  - send: {{to: bob@someschool.edu, subject: First}}
  - wait: 1h
  - send: {{to: bob@someschool.edu}}
expect:
  - delivered: {{to: bob@someschool.edu}}
"""
STRIPPED = "[{tls: someschool.edu, is: stripped, from: 1m}]"
WRONG_NAME = "[{tls: someschool.edu, is: wrong-name, from: 1m}]"


@pytest.mark.parametrize(
    ("wish", "published", "faults", "why"),
    [
        (
            "mta-sts",
            "mta_sts: {mode: enforce}",
            STRIPPED,
            "in clear and the MTA-STS policy of someschool.edu demands TLS",
        ),
        ("mta-sts", "mta_sts: {mode: enforce}", WRONG_NAME, "it is for mail.example.net, not for someschool.edu"),
        ("dane", "dane: {usage: 3}", STRIPPED, "although this went in clear and someschool.edu has TLSA records"),
        ("published", "dane: {usage: 3}", WRONG_NAME, "matches none of its TLSA records"),
        ("dane-only", "", "[]", "was not seen to get TLSA records of"),
    ],
)
def test_mail_that_goes_otherwise_than_its_domain_demands_is_red(
    wish: str, published: str, faults: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heeds_no_policy(monkeypatch)
    outcome = play(SCENARIO.format(wish=wish, published=published, faults=faults), tmp_path)
    assert outcome.result is Result.FAILED
    assert outcome.judgement is not None
    told = [verdict for verdict in outcome.judgement.mail if "recipients' domains demand" in verdict.what]
    assert told
    assert why in told[-1].why
    assert all(verdict.frames for verdict in told)
