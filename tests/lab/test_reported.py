"""The expectation ``reported``, judged from stored traces: what TLS hides may hold one report more."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from testbed.expect.reported import judge_reported
from testbed.pcap.read import read_capture
from testbed.scenario.load import parse
from testbed.scenario.reported import ReportedExpected
from testbed.trace.inspect import analyse
from tests.conftest import PROJECT

TRACE = PROJECT / "captures" / "tls-report.pcapng"


def expected(words: str) -> ReportedExpected:
    text = f"""\
title: x
hosts: {{someschool.edu: {{mailboxes: [bob, postmaster]}}}}
steps: [{{send: {{to: bob@someschool.edu}}}}]
expect: [{{reported: {{to: postmaster@someschool.edu, report: tls, {words}}}}}]
"""
    [found] = parse(text, "x.yaml").expect
    assert isinstance(found, ReportedExpected)
    return found


@pytest.mark.parametrize(
    ("words", "held"),
    [
        ("policy: tlsa", True),
        ("policy: tlsa, failure: none, reports: 1", True),
        ("policy: tlsa, reports: 3", False),
        ("policy: sts, reports: 0", True),
        ("policy: sts", False),
    ],
)
@pytest.mark.program("tshark")
def test_a_number_of_reports_is_judged_only_where_all_could_be_read(words: str, *, held: bool) -> None:
    capture = read_capture(TRACE)
    verdict = judge_reported(expected(words), analyse(capture, str(TRACE)))
    assert (verdict.held, verdict.judged) == (held, True)
    sealed = judge_reported(expected(words), analyse(replace(capture, secrets=()), str(TRACE)))
    assert (sealed.held, sealed.judged) == (True, False)
