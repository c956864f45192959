"""Hosts that crash at a moment of a dialogue: before the wire carries the next packet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import of
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

RELAY = """
title: T
faults:
  - {{host: crepes.fr, is: crashed, when: it has {moment}, {more}}}
steps:
  - send: {{to: bob@someschool.edu, retry: 20m}}
  - wait: 2h
expect:
  - delivered: {{to: bob@someschool.edu, copies: {copies}}}
"""


def connections(outcome: Outcome, to: str) -> list[Connection]:
    assert outcome.analysis is not None
    return [one for one in outcome.analysis.connections if one.server.name == to and one.transport.protocol == "tcp"]


def last_words(connection: Connection) -> tuple[str, str]:
    """The last command of a connection, and what it was answered."""
    last = [exchange for exchange in connection.exchanges if exchange.command is not None][-1]
    assert last.command is not None
    return last.command.verb, last.reply.code if last.reply is not None else ""


@pytest.mark.parametrize(
    ("moment", "server", "last", "copies"),
    [
        ("answered connect", "crepes.fr", ("connect", "220"), 1),
        ("been asked EHLO", "crepes.fr", ("EHLO", ""), 1),
        ("answered MAIL", "crepes.fr", ("MAIL", "250"), 1),
        ("done RCPT", "crepes.fr", ("RCPT", "250"), 1),
        ("been asked message", "crepes.fr", ("message", ""), 1),
        ("done message", "crepes.fr", ("message", "250"), 2),
        ("answered message", "crepes.fr", ("message", "250"), 1),
        ("been answered connect", "someschool.edu", ("connect", "220"), 1),
        ("sent DATA", "someschool.edu", ("DATA", "354"), 1),
        ("sent message", "someschool.edu", ("message", "250"), 2),
        ("been answered message", "someschool.edu", ("message", "250"), 2),
        ("been answered QUIT", "someschool.edu", ("QUIT", "221"), 1),
    ],
)
def test_a_relay_of_the_lab_s_own(moment: str, server: str, last: tuple[str, str], copies: int, tmp_path: Path) -> None:
    outcome = play(RELAY.format(moment=moment, more="times: 1, for: 10m", copies=copies), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    connection = connections(outcome, server)[0]
    assert last_words(connection) == last
    assert connection.ending.by == ("server" if server == "crepes.fr" else "client")


def test_it_never_comes_back_unless_told(tmp_path: Path) -> None:
    outcome = play(RELAY.format(moment="answered message", more="times: 1", copies=0), tmp_path)
    assert outcome.judgement is not None
    [kept] = [verdict for verdict in outcome.judgement.mail if not verdict.held] or [None]
    assert kept is None, why(outcome)
    assert len(connections(outcome, "someschool.edu")) == 0


def test_it_crashes_as_often_as_it_says(tmp_path: Path) -> None:
    text = RELAY.format(moment="answered RCPT", more="nth: 2, times: 2, for: 1m", copies=1)
    outcome = play(text.replace("- wait", "- send: {to: bob@someschool.edu, retry: 20m}\n  - wait"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert len([*of(outcome.analysis.log, events.Crashed)]) == 2


def test_a_fault_that_is_to_strike_more_often_is_red(tmp_path: Path) -> None:
    outcome = play(RELAY.format(moment="answered MAIL", more="times: 50, for: 1m", copies=0), tmp_path)
    assert outcome.result is Result.FAILED
    assert " of 50 times; give it more time, or write 'up to 50' if fewer will do" in why(outcome)


@pytest.mark.parametrize("moment", ["sent MAIL", "been answered message"])
def test_under_tls_the_wire_sees_no_commands_and_the_verdict_says_so(moment: str, tmp_path: Path) -> None:
    hosts = "hosts:\n  crepes.fr: {tls: required}\n  someschool.edu: {starttls: true}\nfaults:"
    text = RELAY.format(moment=moment, more="times: 1", copies=1).replace("faults:", hosts)
    outcome = play(text, tmp_path)
    assert outcome.result is Result.FAILED
    assert "was never reached; crepes.fr spoke TLS, under which the wire sees no commands" in why(outcome)


PROGRAM = """
title: T
hosts:
  someschool.edu: {{command: [{python}, {program}, {way}], time: real}}
  crepes.fr: {{retry: 1s}}
faults:
  - {{host: someschool.edu, is: crashed, when: it has {moment}, times: 1, for: 300ms}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 20s
expect:
  - delivered: {{to: bob@someschool.edu, copies: {copies}}}
"""


@pytest.mark.parametrize(
    ("moment", "last", "copies"),
    [
        ("answered connect", ("connect", "220"), 1),
        ("been asked RCPT", ("RCPT", ""), 1),
        ("answered RCPT", ("RCPT", "250"), 1),
        ("been asked message", ("message", ""), 1),
        ("done message", ("message", "250"), 2),
        ("answered message", ("message", "250"), 1),
    ],
)
def test_a_program_is_killed(moment: str, last: tuple[str, str], copies: int, tmp_path: Path) -> None:
    program = Path(__file__).parent / "liars" / "receiver.py"
    text = PROGRAM.format(python=sys.executable, program=program, way="honest", moment=moment, copies=copies)
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    first = connections(outcome, "someschool.edu")[0]
    assert (last_words(first), first.ending.by) == (last, "server")
    assert outcome.analysis is not None
    assert judge(outcome.scenario, outcome.analysis) == outcome.judgement


SLOW_TO_RETURN = """
title: A lab is over while a program starts again
hosts:
  crepes.fr: {{role: relay, time: scenario, private: [/var/tmp], ready_within: 10m, command: [sh, -c, "{script}"]}}
faults: [{{host: crepes.fr, is: crashed, when: it has answered connect, times: 1, for: 2s}}]
steps: [{{send: {{to: bob@someschool.edu}}}}, {{wait: 1m}}]
expect: [{{connection: {{from: alice.crepes.fr, to: crepes.fr, handshake: complete}}}}]
"""


def test_a_program_that_is_told_to_end_while_it_starts_again_is_not_accused_of_ending(tmp_path: Path) -> None:
    """The second time it takes five minutes before it listens, and the lab is over by then."""
    program = f"{sys.executable} {PROJECT}/scenarios/programs/little-relay.py crepes.fr 25 587"
    script = f"test -e /var/tmp/again && sleep 300; touch /var/tmp/again; exec {program}"
    outcome = play(SLOW_TO_RETURN.format(script=script), tmp_path)
    assert outcome.analysis is not None
    assert list(of(outcome.analysis.log, events.NotServing)) == []
    assert outcome.result is Result.HELD, why(outcome)
