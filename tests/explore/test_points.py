"""What can go wrong where is read off the trace of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from testbed.explore.first_run import explored
from testbed.explore.points import candidates
from testbed.scenario.load import load_cases, parse
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT


def stored(name: str) -> tuple[Scenario, Analysis]:
    """A scenario of the catalogue, the first of its cases, and its reference trace."""
    scenario = load_cases(PROJECT / "scenarios" / f"{name}.yaml")[0]
    return scenario, inspect(PROJECT / "captures" / f"{scenario.name}.pcapng")


def found(name: str) -> dict[str, Counter[str]]:
    """The points of a reference trace, each with how many deeds fit it, by the kind of fault."""
    scenario, analysis = stored(name)
    points: dict[str, Counter[str]] = {}
    for one in candidates(scenario, analysis).values():
        points.setdefault(one.point.kind, Counter())[str(one.point)] += 1
    return points


def test_every_command_of_both_hops_is_a_point() -> None:
    at = {point for point in found("delivered")["dialogue"] if "heard" not in point}
    stages = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT")
    assert at == {f"{server} {stage}" for server in ("crepes.fr", "someschool.edu") for stage in stages}


def test_a_retry_is_a_point_of_its_own() -> None:
    assert {"someschool.edu RCPT", "someschool.edu RCPT #2"} <= found("mailbox-full")["dialogue"].keys()


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        ("crash", "crepes.fr has answered message"),
        ("crash", "crepes.fr has sent message"),
        ("zone", "MX someschool.edu"),
        ("host", "someschool.edu connected to"),
        ("wire", "someschool.edu → crepes.fr reply to message"),
        ("wire", "crepes.fr → someschool.edu SYN"),
        ("room", "mail for bob@someschool.edu"),
        ("clock", "someschool.edu has to answer message"),
        ("clock", "crepes.fr tries someschool.edu again #3"),
        ("clock", "crepes.fr gives up on someschool.edu"),
    ],
)
def test_packets_questions_and_hosts_are_points(kind: str, point: str) -> None:
    assert found("delivered")[kind][point] > 0


def test_each_fetch_of_a_policy_is_a_point() -> None:
    """The second, for a new id, has deeds of its own."""
    at = found("transport/sts-corrected")["policy"]
    assert at["someschool.edu policy"] == 22
    assert at["someschool.edu policy #2"] == 11


def test_every_command_of_those_who_read_is_a_point() -> None:
    at = found("course/one-mailbox-three-ways")["reading"]
    by_pop3 = ("connect", "USER", "PASS", "LIST", "RETR", "RETR #3", "QUIT", "QUIT #2")
    by_imap = ("connect", "LOGIN", "SELECT", "SEARCH", "FETCH", "MOVE", "LOGOUT")
    by_web = ("LOGIN #2", "EXAMINE", "STATUS", "STORE", "LOGOUT #4")
    assert {f"someschool.edu POP3 {one}" for one in by_pop3} <= at.keys()
    assert {f"someschool.edu IMAP {one}" for one in (*by_imap, *by_web)} <= at.keys()


def lasts(name: str, point: str) -> set[tuple[str, object]]:
    """What is tried at a point of time, and until when or how late."""
    scenario, analysis = stored(name)
    return {
        (one.deed, one.fault.get("until") or one.fault.get("delay"))
        for one in candidates(scenario, analysis).values()
        if str(one.point) == point
    }


def test_the_borders_of_time_are_those_of_the_rfc_and_of_the_relay() -> None:
    late = lasts("delivered", "someschool.edu has to answer message")
    assert late == {("answers 1 s before it is too late", "599s"), ("answers 1 s after it is too late", "601s")}
    again = dict(lasts("delivered", "crepes.fr tries someschool.edu again #2"))  # after half an hour, and an hour
    assert (again["greylists until 1 s before"], again["refused until 1 s after"]) == ("5399s", "5401s")
    assert ("refused until 1 s before", "431999s") in lasts("delivered", "crepes.fr gives up on someschool.edu")


def test_a_program_tries_again_when_its_scenario_says_so() -> None:
    text = "title: x\nhosts: {crepes.fr: {command: x, mailboxes: [alice]%s}}\nsteps: [send: {to: bob@someschool.edu}]"
    times = ", configured: {retry: 10m, give_up: 1h}"
    for said, points in ((times, {"tries someschool.edu again #3", "gives up on someschool.edu"}), ("", set())):
        scenario = parse(f"{text % said}\nexpect: [delivered: {{to: bob@someschool.edu}}]\n")
        at = {str(one.point) for one in candidates(scenario, stored("delivered")[1]).values()}
        assert {f"crepes.fr {point}" for point in points} == {one for one in at if " again #3" in one or "gives" in one}


def test_tls_is_a_point_where_there_is_tls() -> None:
    assert "tls" not in found("delivered")
    assert found("tls/through-tls")["tls"]


@pytest.mark.parametrize("name", ["delivered", "mailbox-full", "tls/through-tls", "course/one-mailbox-three-ways"])
def test_what_a_trace_offers_can_be_in_its_scenario(name: str) -> None:
    scenario, analysis = stored(name)
    subject, offered = explored(scenario), candidates(scenario, analysis)
    assert [str(one) for one in offered.values() if not subject.allows(one)] == []


def test_a_case_of_a_matrix_is_explored_with_its_own_values() -> None:
    for case in load_cases(PROJECT / "scenarios" / "replies" / "refused-for-now.yaml")[:3]:
        subject = explored(case)
        assert "$" not in str(subject.data)
        *own, another = subject.with_faults([{"host": "someschool.edu", "is": "silent", "until": "1h"}]).faults
        assert [fault.describe() for fault in own] == [fault.describe() for fault in case.faults]
        assert another.describe() == "someschool.edu is silent until 1 h"
