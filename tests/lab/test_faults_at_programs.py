"""Faults at a program's server side: clients meet them as they would meet them at one of the lab's own servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure, Handshake
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

SCENARIO = """
title: A fault at the server side
hosts:
  crepes.fr: {{retry: 10m{relay}}}
  someschool.edu: {{mailboxes: [bob, carol]{host}}}
faults:
  - {{{fault}}}
steps:
  - send: {{to: {to}}}
  - wait: 1h
expect: [queued: {{at: crepes.fr, count: 0}}]
"""

NEVER = "on: NOOP, nth: 999, then: close, times: up to 1"
"""A fault that does not strike, for what stands in front of the program to be there."""

FAULTS = [
    "at: someschool.edu, on: connect, reply: 421 4.3.2 Not now, times: 1",
    "at: someschool.edu, on: connect, reply: 554 5.3.2 Never, times: 1",
    "at: someschool.edu, on: connect, raw: '220-mx<LF>220 ready<LF>', times: 1",
    "at: someschool.edu, on: connect, reply: [220-mx, 220 ready], times: 1",
    "at: someschool.edu, on: connect, delay: 20s, times: 1",
    "at: someschool.edu, on: connect, then: close, times: 1",
    "at: someschool.edu, on: connect, then: reset, times: 1",
    "at: someschool.edu, on: connect, then: stall, times: 1",
    "at: someschool.edu, on: connect, then: drip, pace: 100ms, times: 1",
    "at: someschool.edu, on: connect, then: garble, times: 1",
    "at: someschool.edu, on: EHLO, reply: 502 5.5.1 What, times: 1",
    "at: someschool.edu, on: EHLO, reply: [250-mx, 250 8BITMIME], times: 1",
    "at: someschool.edu, on: EHLO, delay: 1m, then: close, times: 1",
    "at: someschool.edu, on: MAIL, reply: 451 4.3.0 Later, times: 1",
    "at: someschool.edu, on: MAIL, then: endless, times: 1",
    "at: someschool.edu, on: MAIL, mail_from: alice@crepes.fr, reply: 450 4.1.8 Who, times: 1",
    "at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy, times: up to 2, nth: 2",
    "at: someschool.edu, on: RCPT, recipient: bob@someschool.edu, reply: 550 5.2.1 Gone",
    "at: someschool.edu, on: RCPT, then: close, after: act, times: 1",
    "at: someschool.edu, on: RCPT, then: reset, after: reply, times: 1",
    "at: someschool.edu, on: RCPT, reply: 421 4.3.2 Closing, times: 1",
    "at: someschool.edu, on: DATA, reply: 452 4.3.1 Full, times: 1",
    "at: someschool.edu, on: DATA, then: stall, times: 1",
    "at: someschool.edu, on: DATA, then: garble, times: 1",
    "at: someschool.edu, on: DATA, reply: 354 Speak, times: 1",
    "at: someschool.edu, on: message, reply: 451 4.3.0 Later, times: 1",
    "at: someschool.edu, on: message, reply: 554 5.7.1 Spam",
    "at: someschool.edu, on: message, delay: 3m, times: 1",
    "at: someschool.edu, on: message, then: close, times: 1",
    "at: someschool.edu, on: message, then: reset, times: 1",
    "at: someschool.edu, on: message, then: reset, after: command, times: 1",
    "at: someschool.edu, on: message, then: close, after: reply, times: 1",
    "at: someschool.edu, on: message, then: stall, times: 1",
    "at: someschool.edu, on: message, then: drip, pace: 1s, times: 1",
    "at: someschool.edu, on: message, octet: 100, then: close, times: 1",
    "at: someschool.edu, on: message, octet: 100, then: reset, times: 1",
    "at: someschool.edu, on: message, octet: 100, then: stall, times: 1",
    "at: someschool.edu, on: message, octet: 100, reply: 552 5.3.4 Big, times: 1",
    "at: someschool.edu, on: message, octet: 1, then: deaf, times: 1",
    "at: someschool.edu, on: message, octet: 1, then: sip, pace: 10s, times: 1",
    "at: someschool.edu, on: message, connection: 1, reply: 421 4.3.2 Closing",
    "at: someschool.edu, on: message, then: crash, restart: 5m, times: 1",
    "at: someschool.edu, on: message, then: crash, after: command, restart: 5m, times: 1",
    "at: someschool.edu, on: QUIT, reply: 500 5.5.1 Stay, times: 1",
    "at: someschool.edu, on: QUIT, then: reset, times: 1",
    "at: someschool.edu, on: QUIT, delay: 30s, times: 1",
]

SECURED = [
    "at: someschool.edu, on: STARTTLS, reply: 454 4.7.0 Not now, times: 1",
    "at: someschool.edu, on: STARTTLS, then: close, times: 1",
    "at: someschool.edu, on: EHLO, nth: 2, times: 1, delay: 1m",
    "at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy, times: 1",
    "at: someschool.edu, on: message, then: reset, times: 1",
    "at: someschool.edu, on: message, reply: 451 4.3.0 Later, times: 1",
    "tls: someschool.edu, is: expired, times: 1",
    "tls: someschool.edu, is: wrong-name, times: 1",
    "tls: someschool.edu, is: self-signed, times: 1",
    "tls: someschool.edu, is: handshake-failure, times: 1",
    "tls: someschool.edu, is: stalled, times: 1",
    "tls: someschool.edu, is: stripped, times: 1",
    "tls: someschool.edu, is: injected, times: 1",
]
"""Where the client says STARTTLS."""

BY_LMTP = [
    "at: someschool.edu, on: LHLO, reply: 451 4.3.0 Not now, times: 1",
    "at: someschool.edu, on: message, recipient: bob@someschool.edu, reply: 451 4.3.0 Later, times: 1",
    "at: someschool.edu, on: message, recipient: carol@someschool.edu, reply: 550 5.7.1 No",
    "at: someschool.edu, on: message, recipient: bob@someschool.edu, then: close, times: 1",
    "at: someschool.edu, on: message, recipient: carol@someschool.edu, then: reset, after: command, times: 1",
    "at: someschool.edu, on: message, reply: 452 4.3.1 Full, times: 1",
]
"""Where it speaks LMTP, for two recipients."""


def played(folder: Path, host: str, fault: str, to: str = "bob@someschool.edu", relay: str = "") -> Outcome:
    folder.mkdir()
    return play(SCENARIO.format(host=host, fault=fault, to=to, relay=relay), folder)


def visits(outcome: Outcome) -> Iterator[object]:
    """What was said to the receiver and answered, and how each connection ended."""
    assert outcome.analysis is not None
    for connection in outcome.analysis.connections:
        if connection.server.label == "someschool.edu":
            said = [
                (exchange.command.verb if exchange.command else "", [reply.code for reply in exchange.replies])
                for exchange in connection.exchanges
            ]
            closure, first = connection.ending.closure, connection.ending.by
            if connection.tls and said[-1:] == [("QUIT", ["221"])]:
                closure = Closure.NORMAL  # the client's close_notify may meet a socket that is closed, hence RST
            if closure is Closure.NORMAL:
                first = ""  # who is first is up to the kernel
            yield said, closure, first, bool(connection.tls)


def struck(analysis: Analysis | None) -> int:
    assert analysis is not None
    return sum(entry.host == "someschool.edu" for entry in of(analysis.log, events.Fault))


def stored(analysis: Analysis | None) -> int:
    assert analysis is not None
    return sum(entry.host == "someschool.edu" for entry in of(analysis.log, events.Stored))


def tell_the_same(program: Outcome, own: Outcome) -> None:
    assert list(visits(program)) == list(visits(own))
    assert (struck(program.analysis), stored(program.analysis)) == (struck(own.analysis), stored(own.analysis))
    assert (program.result, why(program)) == (own.result, why(own))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_meets_it_as_at_the_labs_own_servers(fault: str, tmp_path: Path) -> None:
    own = played(tmp_path / "own", "", fault)
    tell_the_same(played(tmp_path / "program", ", program: aiosmtpd", fault), own)


@pytest.mark.parametrize("fault", SECURED)
def test_faults_strike_behind_tls(fault: str, tmp_path: Path) -> None:
    relay = ", tls: required"
    own = played(tmp_path / "own", ", starttls: true", fault, relay=relay)
    tell_the_same(played(tmp_path / "program", ", starttls: true, program: postfix", fault, relay=relay), own)


@pytest.mark.parametrize("fault", BY_LMTP)
def test_faults_strike_each_recipient_by_lmtp(fault: str, tmp_path: Path) -> None:
    relay, both = ", routes: {someschool.edu: {lmtp: someschool.edu}}", "[bob@someschool.edu, carol@someschool.edu]"
    own = played(tmp_path / "own", ", lmtp: true", fault, both, relay)
    tell_the_same(played(tmp_path / "program", ", program: dovecot", fault, both, relay), own)


PASSES = """
title: A letter on its way to a program
ip: {ip}
hosts:
  crepes.fr: {{pipelining: true, tls: opportunistic}}
  someschool.edu: {{mailboxes: [bob], program: {program}{host}}}
faults: {faults}
steps:
  - send: {{to: {to}, {letter}}}
  - wait: 1m
expect: [queued: {{at: crepes.fr, count: 0}}]
"""
LETTERS = [
    ("aiosmtpd", "", "ipv4", "[bob@someschool.edu, nemo@someschool.edu]", "body: Grüße"),
    ("aiosmtpd", "", "ipv6", "bob@someschool.edu", "body: Hello"),
    ("aiosmtpd", "", "both", "bob@someschool.edu", 'body: ".\\n..\\n.a\\n"'),
    ("postfix", "", "ipv4", "[bob@someschool.edu, nemo@someschool.edu]", "size: 300 KB"),
    ("postfix", ", starttls: true", "ipv4", "bob@someschool.edu", "body: Hello"),
]


@pytest.mark.parametrize(("program", "host", "ip", "to", "letter"), LETTERS)
def test_what_no_fault_strikes_passes_as_it_is(
    program: str, host: str, ip: str, to: str, letter: str, tmp_path: Path
) -> None:
    """That octets are the same everywhere, up to the mailbox, is judged always."""

    def sent(faults: str, folder: Path) -> Outcome:
        folder.mkdir()
        text = PASSES.format(program=program, host=host, ip=ip, to=to, letter=letter, faults=faults)
        return play(text, folder)

    front, direct = sent(f"[{{at: someschool.edu, {NEVER}}}]", tmp_path / "front"), sent("[]", tmp_path / "direct")
    assert list(visits(front)) == list(visits(direct))
    assert stored(front.analysis) == stored(direct.analysis) == 1
    assert direct.result is Result.HELD, why(direct)
    assert why(front).strip().endswith("was never reached")
    assert "\n" not in why(front).strip()


LIE = """
title: A 250 that the scenario gives in a program's name
hosts:
  {liar}: {{program: {program}}}
faults: [{{at: {liar}, on: message, reply: 250 2.0.0 So be it, times: 1}}]
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 1m
expect: [queued: {{at: crepes.fr, count: 0}}]
"""


@pytest.mark.parametrize(("liar", "program"), [("crepes.fr", "postfix"), ("someschool.edu", "aiosmtpd")])
def test_a_program_has_not_promised_what_a_fault_says_in_its_name(liar: str, program: str, tmp_path: Path) -> None:
    outcome = play(LIE.format(liar=liar, program=program), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


GONE = """
title: Nobody listens at the port of a program that has ended
hosts:
  crepes.fr: {retry: 1m}
  someschool.edu: {program: aiosmtpd}
faults:
  - {at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy, times: 1}
  - {host: someschool.edu, is: crashed, from: 0s, until: 90s}
steps:
  - send: {to: bob@someschool.edu}
  - wait: 5m
expect: [delivered: {to: bob@someschool.edu, copies: 1}]
"""


def test_who_comes_while_the_program_is_away_is_refused(tmp_path: Path) -> None:
    outcome = play(GONE, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    tried = [one for one in outcome.analysis.connections if one.server.label == "someschool.edu"]
    assert [one.opening.handshake for one in tried] == [
        Handshake.REFUSED,
        Handshake.REFUSED,
        Handshake.COMPLETE,
        Handshake.COMPLETE,
    ]
    assert stored(outcome.analysis) == 1


OWN_CERTIFICATE = """
title: A program shows a certificate of its own
hosts:
  crepes.fr: {tls: opportunistic}
  someschool.edu:
    command: "{python} {directory}/server {directory}/own.pem"
    mailboxes: [bob]
    starttls: true
    files: {server: %s, own.pem: %s}
faults: [{at: someschool.edu, on: QUIT, then: reset}]
steps:
  - send: {to: bob@someschool.edu}
  - wait: 1m
expect: [delivered: {to: bob@someschool.edu}]
"""
SERVER = """
import asyncio, ssl, sys
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP

async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Sink(), tls_context=tls), None, 25)
    await server.serve_forever()

asyncio.run(main())
"""


def test_tls_of_a_program_with_a_certificate_of_its_own_passes_unread(tmp_path: Path) -> None:
    """Clients see what the program shows; that no fault strikes behind it is said."""
    own = trustme.CA().issue_cert("someschool.edu").private_key_and_cert_chain_pem.bytes().decode()
    outcome = play(OWN_CERTIFICATE % (json.dumps(SERVER), json.dumps(own)), tmp_path)
    assert "was never reached; TLS of" in why(outcome)
    assert "passes unread, and no fault strikes behind it: CERTIFICATE_VERIFY_FAILED" in why(outcome)
    assert outcome.analysis is not None
    [visit] = [one for one in outcome.analysis.connections if one.server.label == "someschool.edu"]
    assert visit.tls is not None
    assert visit.ending.closure is Closure.NORMAL
