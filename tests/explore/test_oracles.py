"""What is asked of a run besides what every scenario is judged by: each oracle turns red by what it is there for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.explore.oracles.impatience import impatience
from testbed.explore.oracles.notifications import notifications
from testbed.explore.oracles.readers_secrets import readers_secrets
from testbed.protocols import events
from testbed.scenario.load import parse
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import ReadStep
from testbed.trace.inspect import inspect
from testbed.trace.model.log import LogEntry
from tests.lab.test_liars import RELAY, played
from tests.trace.talk import Talk, watch
from tests.traces import traces_of


def _insisting(scenario: Scenario) -> Scenario:
    """The scenario, whose readers should have asked for TLS."""
    steps = [one.model_copy(update={"tls": "starttls"}) if isinstance(one, ReadStep) else one for one in scenario.steps]
    return scenario.model_copy(update={"steps": steps})


@pytest.mark.parametrize(
    ("stem", "told"),
    [
        (
            "pop3-fetched-and-deleted",
            "bob.someschool.edu said PASS to someschool.edu in clear, although TLS is required",
        ),
        ("imap-over-quota", "bob.someschool.edu said LOGIN to someschool.edu in clear, although TLS is required"),
    ],
)
def test_a_password_that_should_have_gone_through_tls_is_red(stem: str, told: str) -> None:
    analysis = inspect(traces_of(stem)[0])
    assert analysis.lab is not None
    scenario = parse(analysis.lab.scenario, analysis.lab.file, analysis.lab.case, Reach(anywhere=True))
    assert list(readers_secrets(scenario, analysis)) == []
    assert told in [breach.why for breach in readers_secrets(_insisting(scenario), analysis)]


def test_a_password_that_goes_through_tls_is_not() -> None:
    for trace in traces_of("read-through-tls"):
        analysis = inspect(trace)
        assert analysis.lab is not None
        scenario = parse(analysis.lab.scenario, analysis.lab.file, analysis.lab.case, Reach(anywhere=True))
        assert list(readers_secrets(scenario, analysis)) == []


@pytest.mark.lab
@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ("bounces-in-another-form", "Content-Type is multipart/mixed, but should be multipart/report"),
        ("keeps-its-promises", ""),
    ],
)
def test_a_notification_in_another_form_is_red(lie: str, told: str, tmp_path: Path) -> None:
    outcome = played(RELAY, "relay.py", lie, tmp_path)
    assert outcome.analysis is not None
    found = [breach.why for breach in notifications(outcome.scenario, outcome.analysis)]
    assert any(told in one for one in found) if told else found == []


SAID = ("S 220 x", "C EHLO a", "S 250 x", "C MAIL FROM:<a@a>", "S 250 ok", "C RCPT TO:<b@x>", "S 250 ok")
DATA = ("C DATA", "S 354 go", "C Message-ID: <1@a>\r\n\r\nhi")
AWAITS = "title: t\nsteps: [{wait: 1s}]\nexpect: [{delivered: {to: bob@someschool.edu, copies: 0}}]\n"


@pytest.mark.parametrize("server_ends", [False, True])
def test_nobody_waits_for_the_reply_of_a_server_that_has_ended_its_side(server_ends: bool) -> None:
    left = Talk().open().say(*SAID, *DATA)
    if server_ends:
        left.say("S 421 4.3.2 Closing").segment(1, "FA")
    left.say("C .").segment(1, "A").wait(10).segment(0, "FA")
    again = Talk(port=40_001).open().say(*SAID, *DATA, "C .", "S 250 ok", "C QUIT", "S 221 bye").close()
    analysis = watch(left, again)
    log = (LogEntry(90, analysis.start_ns, "10.0.0.1", events.Started(command="p"), ""),)
    found = list(impatience(parse(AWAITS, "t.yaml", "", Reach(anywhere=True)), replace(analysis, log=log)))
    assert [breach.why.split(" for ")[0] for breach in found] == ([] if server_ends else ["10.0.0.1 waited 10 s 20 ms"])
