"""Postfix by what a domain says of TLS: DANE by itself, MTA-STS with postfix-mta-sts-resolver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: Postfix goes by what someschool.edu says of TLS
hosts:
  ns.lab: {{dnssec: true}}
  crepes.fr: {{program: {program}, configured: {{tls: {wish}}}}}
  someschool.edu: {{starttls: true, new_key: 1w, {published}}}
faults: [{fault}]
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 1m
expect:
  - {expected}
  - running: crepes.fr
"""
ARRIVES = "delivered: {to: bob@someschool.edu, within: 1m}"
WAITS = "queued: {at: crepes.fr, to: bob@someschool.edu}"
ENFORCED = "mta_sts: {mode: enforce}"
CASES = [
    ("dane", "dane: {usage: 3}", "", ARRIVES),
    ("dane", "dane: {usage: 2}", "", ARRIVES),
    ("dane", "dane: {usage: 3, keys: [2]}", "", WAITS),
    ("dane", "dane: {usage: 3}", "{tls: someschool.edu, is: stripped}", WAITS),
    ("dane", "dane: {usage: 3}", "{zone: _25._tcp.someschool.edu, answer: bogus}", WAITS),
    ("dane", "dane: {usage: 3, keys: [2]}", "{zone: someschool.edu, answer: missing-ds}", ARRIVES),
    ("mta-sts", ENFORCED, "", ARRIVES),
    ("mta-sts", ENFORCED, "{tls: someschool.edu, is: wrong-name}", WAITS),
    ("mta-sts", ENFORCED, "{tls: someschool.edu, is: stripped}", WAITS),
    ("mta-sts", "mta_sts: {mode: enforce, mx: [mx.example.net]}", "", WAITS),
    ("mta-sts", "mta_sts: {mode: testing, mx: [mx.example.net]}", "", ARRIVES),
    ("mta-sts", ENFORCED, "{policy: someschool.edu, is: self-signed}", ARRIVES),
]


@pytest.mark.parametrize(("wish", "published", "fault", "expected"), CASES, ids=range(len(CASES)))
def test_postfix_sends_only_where_the_domain_would_have_it(
    wish: str, published: str, fault: str, expected: str, have: Callable[[str], None], tmp_path: Path
) -> None:
    program = "postfix" if wish == "dane" else "postfix-mta-sts"
    have(program)
    text = SCENARIO.format(program=program, wish=wish, published=published, fault=fault, expected=expected)
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
