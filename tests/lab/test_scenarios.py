"""Labs played from their scenarios: what a run shows, and that every run shows the same."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from testbed.expect.conservation import CONSERVED
from testbed.lab import preload, run
from testbed.outcome import Outcome, Result, conclude
from testbed.protocols import events
from testbed.runner import Runner
from testbed.scenario.load import load, parse
from testbed.scenario.scenario import Scenario
from testbed.trace.compare.comparison import compare
from testbed.trace.compare.fingerprint import fingerprint
from testbed.trace.model.connection import Handshake
from testbed.trace.model.log import of
from tests.conftest import PROJECT

pytestmark = pytest.mark.lab


def play(given: Scenario | Path | str, folder: Path) -> Outcome:
    """Play one scenario, also from a file or from its text."""
    scenario = load(given) if isinstance(given, Path) else parse(given) if isinstance(given, str) else given
    preload([scenario])
    [played] = Runner(run, jobs=1).run([(scenario, folder / "trace.pcapng")])
    if played.skipped:
        pytest.skip(played.skipped)
    return conclude(played)


def why(outcome: Outcome) -> str:
    """Everything that did not hold, for the failure message."""
    verdicts = (*outcome.judgement.expectations, *outcome.judgement.always) if outcome.judgement else ()
    return "\n".join([outcome.played.error, *(f"{v.what}: {v.why}" for v in verdicts if not v.held)])


def test_fifty_runs_tell_the_same_story_fifty_times(tmp_path: Path) -> None:
    scenario = load(PROJECT / "scenarios" / "mailbox-full.yaml")
    work = [(scenario, tmp_path / f"{number}.pcapng") for number in range(50)]
    stories = []
    for played in Runner(run, jobs=2).run(work):
        outcome = conclude(played)
        assert outcome.result is Result.HELD, why(outcome)
        assert outcome.analysis is not None
        stories.append(fingerprint(outcome.analysis))
    assert len(stories) == 50
    assert [compare(stories[0], story).differences for story in stories] == [()] * 50


@pytest.mark.parametrize("ip", ["ipv6", "both"])
def test_ipv6_carries_mail_too(ip: str, tmp_path: Path) -> None:
    text = (PROJECT / "scenarios" / "mailbox-full.yaml").read_text()
    outcome = play(text.replace("steps:", f"ip: {ip}\nsteps:", 1), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert {":" in c.server.address for c in outcome.analysis.connections if c.transport.protocol == "tcp"} == {True}


def test_both_families_are_tried(tmp_path: Path) -> None:
    """With IPv6 packets to the receiver lost for good, the relay goes on to its IPv4 address (RFC 5321 §5.1)."""
    outcome = play(
        """
title: IPv6 does not work
ip: both
faults:
  - {at: someschool.edu, on: connect, then: close, times: 1}
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - delivered: {to: bob@someschool.edu, within: 1m}
  - attempts: {to: someschool.edu, count: 2}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    servers = [c.server.address for c in outcome.analysis.connections if c.server.port == 25]
    assert [":" in address for address in servers] == [True, False]


def test_handshakes_are_told_apart(tmp_path: Path) -> None:
    found = {}
    for state in ("silent", "refused", "unreachable"):
        outcome = play(
            f"""
title: {state}
faults: [{{host: someschool.edu, is: {state}}}]
steps: [{{send: {{to: bob@someschool.edu}}}}]
expect: [{{queued: {{at: crepes.fr, to: bob@someschool.edu}}}}]
""",
            tmp_path,
        )
        assert outcome.result is Result.HELD, why(outcome)
        assert outcome.analysis is not None
        [attempt] = [c for c in outcome.analysis.connections if c.server.port == 25]
        found[state] = attempt.opening.handshake
    assert found == {
        "silent": Handshake.UNANSWERED,
        "refused": Handshake.REFUSED,
        "unreachable": Handshake.UNREACHABLE,
    }


@pytest.mark.parametrize(("until", "hours"), [("2h", (2, 12)), ("0s", (0, 1)), ("9d", (24, 25))])
def test_settling_ends_with_the_last_promise_kept_and_at_its_limit(
    until: str, hours: tuple[int, int], tmp_path: Path
) -> None:
    fault = f"[{{at: someschool.edu, on: RCPT, reply: 452 4.2.2 Full, until: {until}}}]" if until != "0s" else "[]"
    text = f"""
title: The relay has a day to get rid of its mail
hosts: {{crepes.fr: {{give_up: 10d}}}}
faults: {fault}
steps: [{{send: {{to: bob@someschool.edu}}}}]
settle: 1d
expect: [{{attempts: {{to: someschool.edu, at_least: 1}}}}]
"""
    outcome = play(text, tmp_path)
    assert outcome.analysis is not None, outcome.played.error
    [ended] = of(outcome.analysis.log, events.LabEnded)
    assert hours[0] * 3600 <= ended.event.scenario_seconds <= hours[1] * 3600
    assert outcome.judgement is not None
    [conserved] = [verdict for verdict in outcome.judgement.mail if verdict.what == CONSERVED]
    assert conserved.held, why(outcome)


SAYS_ALL_AT_ONCE = """
import socket
with socket.create_connection(("someschool.edu", 25)) as server:
    said = ["EHLO x", "MAIL FROM:<m@mallory.example>", "RCPT TO:<bob@someschool.edu>", "DATA"]
    for line in said:
        server.recv(4096)
        server.sendall(line.encode() + b"\\r\\n")
    server.recv(4096)
    server.sendall(b"Message-ID: <1@x>\\r\\n\\r\\nHello, and more than that\\r\\n.\\r\\nQUIT\\r\\n")
    server.shutdown(socket.SHUT_WR)
    while server.recv(4096):
        pass
"""


@pytest.mark.parametrize("octet", ["", "octet: 20, "], ids=["after-the-final-dot", "in-mid-message"])
def test_a_server_that_stalls_keeps_a_half_closed_client_waiting(octet: str, tmp_path: Path) -> None:
    """Some send FIN behind QUIT at once, and wait for the replies (RFC 1122 §4.2.2.13)."""
    text = f"""
title: The client says all it has to say, and the server falls silent
needs: [cc]
hosts: {{mallory.example: {{role: client}}}}
faults: [{{at: someschool.edu, on: message, {octet}then: stall, times: 1}}]
steps:
  - run:
      on: mallory.example
      time: scenario
      time_limit: 1d
      command: [{sys.executable}, -c, {json.dumps(SAYS_ALL_AT_ONCE)}]
expect:
  - connection: {{from: mallory.example, to: someschool.edu, at_least: 59m, at_most: 61m}}
"""
    outcome = play(text, tmp_path)
    assert outcome.judgement is not None, outcome.played.error
    assert all(verdict.held for verdict in outcome.judgement.expectations), why(outcome)


@pytest.mark.parametrize("reply", ["", "reply: 421 4.3.2 Closing, "], ids=["silently", "with-a-reply"])
def test_a_server_closes_in_mid_message_under_tls_too(reply: str, tmp_path: Path) -> None:
    text = f"""
title: The server closes in the middle of a message that comes through TLS
hosts:
  crepes.fr: {{tls: required}}
  someschool.edu: {{starttls: true}}
faults: [{{at: someschool.edu, on: message, octet: 100, {reply}then: close, times: 1}}]
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 1h
expect:
  - delivered: {{to: bob@someschool.edu, copies: 1}}
  - attempts: {{to: someschool.edu, count: 2}}
"""
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


def test_a_talk_half_closes_under_tls_too(tmp_path: Path) -> None:
    text = """
title: A client says all it has to say through TLS, and sends FIN
hosts: {someschool.edu: {starttls: true}, mallory.example: {role: client}}
steps:
  - talk:
      from: mallory.example
      to: someschool.edu
      say: [EHLO x, STARTTLS, {tls: begin}, EHLO x, "VRFY <nobody@someschool.edu>", {then: half-close}]
expect:
  - reply: {from: someschool.edu, on: VRFY, code: 252 2.0.0}
"""
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
