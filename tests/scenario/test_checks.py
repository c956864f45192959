"""What a scenario may say of a server's checks, and what it is told of mistakes."""

from __future__ import annotations

import pytest

from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError

TEXT = """\
title: T
hosts:
  someschool.edu: {HOST}
steps:
  - send: {to: bob@someschool.edu}
expect:
  - EXPECT
"""
DELIVERED = "delivered: {to: bob@someschool.edu}"

MISTAKES = [
    ("checks: [spf, dkin]", "'dkin'"),
    ("checks: [dnsbl]", "dnsbl asks block lists; name their zones in 'block_lists'"),
    ("checks: [spf], block_lists: bl.example", "nobody asks these block lists; add dnsbl to 'checks'"),
    ("checks: [dnsbl], block_lists: [bl example]", "'bl example' is not a domain name"),
    ("checks: [dmarc], trusted_sealers: a.example", "seals count where 'checks' has both arc and dmarc"),
    ("checks: [spf], reports: bob", "reports are about DMARC; add dmarc to 'checks'"),
    ("role: relay, reports: bob", "reports are about DMARC and TLS; add dmarc to 'checks', or say 'tls: published'"),
    ("role: relay, tls: dane, reports: bob", "TLS reports have to be signed (RFC 8460 §3); add 'dkim: {}'"),
    (
        "checks: [dmarc], reports: nobody",
        "has no mailbox 'nobody' to send reports from; add it",
    ),
    ("checks: [spf], policy: {spf fails: refuse}", "'spf fails' is not what a check finds, such as 'spf fail'"),
    ("checks: [spf], policy: {dkim fail: refuse}", "dkim is not checked; add it to 'checks'"),
    ("checks: [spf], policy: {spf fail: refuze}", "(did you mean 'refuse'?)"),
    ("checks: [spf], policy: {spf fail: 250 Ok}", "'250 Ok' refuses nothing"),
    ("persona: gmail, checks: [spf]", "the persona gmail brings its own; leave one of the two away"),
    ("persona: hotmail", "'hotmail'"),
    ("checks: [spf], bulk: 3 per 1d", "only a persona has other rules for bulk senders; name one"),
    ("checks: [spf], policy: {spf fail: as published}", "'as published' is for 'dmarc fail'"),
]


@pytest.mark.parametrize(("host", "said"), MISTAKES)
def test_mistakes(host: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(TEXT.replace("HOST", host).replace("EXPECT", DELIVERED), "f")
    assert any(said in str(problem) for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("authenticated: {to: bob@someschool.edu}", "'authenticated' needs one of spf, dkim"),
        ("authenticated: {to: bob@someschool.edu, spf: passed}", "'passed'"),
        ("authenticated: {to: rob@someschool.edu, spf: pass}", "no host has the mailbox rob@someschool.edu"),
        ("reported: {to: bob@someschool.edu}", "'report'"),
        (
            "reported: {to: bob@someschool.edu, report: tls, spf: pass}",
            "tls reports have no 'spf'; they have policy, failure",
        ),
        ("reported: {to: bob@someschool.edu, report: failure, failure: dmark}", "(did you mean 'dmarc'?)"),
        (
            "reported: {to: bob@someschool.edu, report: tls, failure: expired}",
            "'expired' is none of starttls-not-supported",
        ),
        ("reported: {to: rob@someschool.edu, report: tls}", "no host has the mailbox rob@someschool.edu"),
        ("authenticated: {at: some, to: bob@someschool.edu, spf: pass}", "there is no host 'some'"),
    ],
)
def test_mistakes_of_expectations(expected: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(TEXT.replace("HOST", "checks: [spf]").replace("EXPECT", expected), "f")
    assert any(said in str(problem) for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    "host",
    [
        "checks: [spf, dkim, dmarc, arc, ptr, dnsbl], block_lists: bl.example, trusted_sealers: [lists.example]",
        "checks: [spf, dmarc], policy: {spf softfail: junk, dmarc fail: as published, spf none: 550 5.7.23 No}",
    ],
)
def test_what_can_be_said(host: str) -> None:
    assert parse(TEXT.replace("HOST", host).replace("EXPECT", DELIVERED), "f")
