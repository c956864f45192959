"""Faults at a program's server side: clients meet them as they would meet them at one of the lab's own servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.outcome import Outcome
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: A fault at the server side
hosts:
  crepes.fr: {{retry: 10m, tls: {tls}}}
  someschool.edu: {{mailboxes: [bob]{host}}}
faults:
  - {{at: someschool.edu, {fault}}}
steps:
  - send: {{to: {to}, body: {body}}}
  - wait: 1h
expect: [queued: {{at: crepes.fr, count: 0}}]
"""

FAULTS = [
    "on: connect, reply: 421 4.3.2 Not now, times: 1",
    "on: connect, reply: 554 5.3.2 Never, times: 1",
    "on: connect, raw: '220-mx<LF>220 ready<LF>', times: 1",
    "on: connect, reply: [220-mx, 220 ready], times: 1",
    "on: connect, delay: 20s, times: 1",
    "on: connect, then: close, times: 1",
    "on: connect, then: reset, times: 1",
    "on: connect, then: stall, times: 1",
    "on: connect, then: drip, pace: 100ms, times: 1",
    "on: connect, then: garble, times: 1",
    "on: EHLO, reply: 502 5.5.1 What, times: 1",
    "on: EHLO, reply: [250-mx, 250 8BITMIME], times: 1",
    "on: EHLO, delay: 1m, then: close, times: 1",
    "on: MAIL, reply: 451 4.3.0 Later, times: 1",
    "on: MAIL, then: endless, times: 1",
    "on: MAIL, mail_from: alice@crepes.fr, reply: 450 4.1.8 Who, times: 1",
    "on: RCPT, reply: 450 4.2.1 Busy, times: up to 2, nth: 2",
    "on: RCPT, recipient: bob@someschool.edu, reply: 550 5.2.1 Gone",
    "on: RCPT, then: close, after: act, times: 1",
    "on: RCPT, then: reset, after: reply, times: 1",
    "on: RCPT, reply: 421 4.3.2 Closing, times: 1",
    "on: DATA, reply: 452 4.3.1 Full, times: 1",
    "on: DATA, then: stall, times: 1",
    "on: DATA, then: garble, times: 1",
    "on: DATA, reply: 354 Speak, times: 1",
    "on: message, reply: 451 4.3.0 Later, times: 1",
    "on: message, reply: 554 5.7.1 Spam",
    "on: message, delay: 3m, times: 1",
    "on: message, then: close, times: 1",
    "on: message, then: reset, times: 1",
    "on: message, then: reset, after: command, times: 1",
    "on: message, then: close, after: reply, times: 1",
    "on: message, then: stall, times: 1",
    "on: message, then: drip, pace: 1s, times: 1",
    "on: message, octet: 100, then: close, times: 1",
    "on: message, octet: 100, then: reset, times: 1",
    "on: message, octet: 100, then: stall, times: 1",
    "on: message, octet: 100, reply: 552 5.3.4 Big, times: 1",
    "on: message, octet: 1, then: deaf, times: 1",
    "on: message, octet: 1, then: sip, pace: 10s, times: 1",
    "on: message, connection: 1, reply: 421 4.3.2 Closing",
    "on: message, then: crash, restart: 5m, times: 1",
    "on: message, then: crash, after: command, restart: 5m, times: 1",
    "on: QUIT, reply: 500 5.5.1 Stay, times: 1",
    "on: QUIT, then: reset, times: 1",
    "on: QUIT, delay: 30s, times: 1",
]
"""What stands behind ``at: someschool.edu``."""

SECURED = [
    "on: STARTTLS, reply: 454 4.7.0 Not now, times: 1",
    "on: STARTTLS, then: close, times: 1",
    "on: EHLO, nth: 2, times: 1, delay: 1m",
    "on: RCPT, reply: 450 4.2.1 Busy, times: 1",
    "on: message, then: reset, times: 1",
    "on: message, reply: 451 4.3.0 Later, times: 1",
]
"""The same where the client says STARTTLS."""


def played(
    folder: Path, host: str, fault: str, to: str = "bob@someschool.edu", body: str = "Hello", tls: str = "none"
) -> Outcome:
    folder.mkdir()
    return play(SCENARIO.format(host=host, fault=fault, to=to, body=body, tls=tls), folder)


def visits(outcome: Outcome) -> Iterator[object]:
    """What was said to the receiver and answered, and how each connection ended."""
    assert outcome.analysis is not None
    for connection in outcome.analysis.connections:
        if connection.server.label == "someschool.edu":
            said = [
                (exchange.command.verb if exchange.command else "", [reply.code for reply in exchange.replies])
                for exchange in connection.exchanges
            ]
            ending = connection.ending
            first = ending.by if ending.closure is not Closure.NORMAL else ""  # else who is first is up to the kernel
            yield said, ending.closure, first, bool(connection.tls)


def struck(analysis: Analysis | None) -> int:
    assert analysis is not None
    return sum(entry.host == "someschool.edu" for entry in of(analysis.log, events.Fault))


def stored(analysis: Analysis | None) -> int:
    assert analysis is not None
    return sum(entry.host == "someschool.edu" for entry in of(analysis.log, events.Stored))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_meets_it_as_at_the_labs_own_servers(fault: str, tmp_path: Path) -> None:
    own = played(tmp_path / "own", "", fault)
    program = played(tmp_path / "program", ", program: aiosmtpd", fault)
    assert list(visits(program)) == list(visits(own))
    assert (struck(program.analysis), stored(program.analysis)) == (struck(own.analysis), stored(own.analysis))
    assert (program.result, why(program)) == (own.result, why(own))


@pytest.mark.parametrize("fault", SECURED)
def test_faults_strike_behind_tls(fault: str, tmp_path: Path) -> None:
    own = played(tmp_path / "own", ", starttls: true", fault, tls="required")
    program = played(tmp_path / "program", ", starttls: true, program: postfix", fault, tls="required")
    assert list(visits(program)) == list(visits(own))
    assert (struck(program.analysis), stored(program.analysis)) == (struck(own.analysis), stored(own.analysis))
    assert (program.result, why(program)) == (own.result, why(own))
