"""What a scenario can say of transport security, and what it cannot."""

from __future__ import annotations

import pytest

from testbed.durations import DAY
from testbed.scenario.hosts import ReceiverSpec
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.transport import policy_at
from testbed.transport_security.mta_sts import StsPolicy

TEXT = """\
title: T
hosts:
  someschool.edu: {KEYS}
faults: FAULTS
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
"""


def text(keys: str, faults: str = "[]") -> str:
    return TEXT.replace("KEYS", keys).replace("FAULTS", faults)


def receiver(keys: str) -> ReceiverSpec:
    found = parse(text(keys)).hosts["someschool.edu"]
    assert isinstance(found, ReceiverSpec)
    return found


def test_a_policy_has_the_defaults_of_its_domain() -> None:
    phases = receiver("starttls: true, mta_sts: {}").mta_sts
    assert policy_at(phases, ["mx.example"], 0) == ("1", StsPolicy("enforce", 604_800, ("mx.example",)), True)


@pytest.mark.parametrize(("day", "expected"), [(0, None), (1, "1"), (6, "1"), (7, "b"), (400, "b")])
def test_which_policy_holds_when(day: int, expected: str | None) -> None:
    phases = receiver("starttls: true, mta_sts: [{from: 1d, mode: testing}, {from: 1w, id: b}]").mta_sts
    found = policy_at(phases, [], day * DAY)
    assert (found[0] if found else None) == expected


@pytest.mark.parametrize(
    ("keys", "faults", "words"),
    [
        ("mta_sts: {}", "[]", "'mta_sts' is about a certificate; say 'starttls: true'"),
        ("dane: {usage: 3}", "[]", "'dane' is about a certificate; say 'starttls: true'"),
        ("starttls: true, mta_sts: [{from: 2d}, {from: 1d}]", "[]", "'mta_sts' is in the order of time"),
        ("starttls: true, new_key: 0", "[]", "'new_key' is in the order of time"),
        ("starttls: true, dane: {usage: 3, keys: [2]}", "[]", "there is no key 2; say in 'new_key'"),
        ("starttls: true, dane: {usage: 300}", "[]", "usage"),
        ("starttls: true, mta_sts: {mode: strict}", "[]", "'strict' is not one of enforce, testing, none"),
        ("starttls: true, mta_sts: {id: 2026-01-01}", "[]", "id"),
        ("starttls: true", "[{policy: someschool.edu, is: reset}]", "someschool.edu has no policy; say 'mta_sts'"),
        ("starttls: true, mta_sts: {}", "[{policy: someschool.edu, is: gone}]", "'gone' is not one of reset"),
        ("starttls: true, mta_sts: {}", "[{policy: someschool.edu, is: huge, connection: 1}]", "'connection' does not"),
    ],
)
def test_what_cannot_be(keys: str, faults: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        parse(text(keys, faults))
