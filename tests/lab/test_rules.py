"""What always holds of mail servers: programs that break a rule are red by it, those that keep to it are green.

No expectation of these scenarios asks for what is broken.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from tests.lab.test_liars import FOLDER
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

RELAY = """
title: A relay that {way}
hosts:
  alice.crepes.fr: {{}}
  crepes.fr:
    role: relay
    command: [{python}, {program}, {way}]
    mailboxes: [alice, postmaster]
    environment: {{DELIVER_INTO: "{{mailboxes}}", FRIEND: "{{address:alice.crepes.fr}}"}}
    starttls: true
    configured: {configured}
  someschool.edu: {{mailboxes: [bob], starttls: true}}
  mallory.example: {{role: client}}
faults: {faults}
steps:
  - {step}
  - wait: {wait}
expect:
  - {expect}
"""
SENT = "send: {to: bob@someschool.edu}"
SAID = """talk:
      from: %s
      to: crepes.fr
      say:
        - EHLO somebody
        - MAIL FROM:%s
        - RCPT TO:<%s@someschool.edu>
        - DATA
        - {octets: "From: alice@crepes.fr<CRLF>Message-ID: <1.said@crepes.fr><CRLF><CRLF>Hello<CRLF>.<CRLF>"}
        - NOOP
        - QUIT"""
BUSY = "[{at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy%s}]"
REFUSED = "reply: {from: someschool.edu, on: RCPT, code: 550 5.1.1}"
PUT_OFF = "reply: {from: someschool.edu, on: RCPT, code: 450 4.2.1}"
TAKEN = "reply: {from: someschool.edu, on: message, code: 250 2.0.0}"
BY_MALLORY = SAID % ("mallory.example", "<mallory@mallory.example>", "bob")
FROM_NOBODY = SAID % ("alice.crepes.fr", "<>", "nobody")
TLS_REQUIRED = SAID % ("alice.crepes.fr", "<alice@crepes.fr> REQUIRETLS", "bob")
NO_WAIT, AT_ONCE = "tried bob@someschool.edu 21 times in", "tried bob@someschool.edu again"
IN_CLEAR = "crepes.fr sent <1.said@crepes.fr> to someschool.edu in clear, although its sender required TLS (RFC 8689)"
OPEN = "crepes.fr took mail of mallory.example, who had not logged in, for bob@someschool.edu, and passed it on to some"
TOLD = "crepes.fr told alice@crepes.fr of <1.said@crepes.fr>, which it had from the null path"


def _relay(
    way: str, folder: Path, step: str, expect: str, configured: str = "{}", faults: str = "[]", wait: str = "5s"
) -> Outcome:
    program = FOLDER / "relay.py"
    return play(
        RELAY.format(
            way=way,
            python=sys.executable,
            program=program,
            step=step,
            expect=expect,
            configured=configured,
            faults=faults,
            wait=wait,
        ),
        folder,
    )


def _broken(outcome: Outcome) -> list[str]:
    assert outcome.judgement is not None, outcome.played.error
    return [verdict.why for verdict in outcome.judgement.mail if not verdict.held]


@pytest.mark.parametrize(
    ("way", "step", "expect", "configured", "faults", "breach"),
    [
        ("knocks-without-waiting", SENT, PUT_OFF, "{}", BUSY % "", NO_WAIT),
        ("keeps-its-promises", SENT, PUT_OFF, "{retry: 30s}", BUSY % ", times: 3", AT_ONCE),
        ("keeps-its-promises", SENT, PUT_OFF, "{give_up: 5m}", BUSY % "", "gave up on bob@someschool.edu after"),
        ("tells-the-author", FROM_NOBODY, REFUSED, "{}", "[]", TOLD),
        ("keeps-its-promises", SENT, TAKEN, "{tls: required}", "[]", "although TLS is required for bob@someschool.edu"),
        ("keeps-its-promises", TLS_REQUIRED, TAKEN, "{}", "[]", IN_CLEAR),
        ("keeps-its-promises", BY_MALLORY, TAKEN, "{}", "[]", OPEN),
    ],
    ids=["hammers", "too-soon", "before-its-time", "null-path", "policy", "requiretls", "open-relay"],
)
def test_a_relay_that_breaks_a_rule_is_red(
    way: str, step: str, expect: str, configured: str, faults: str, breach: str, tmp_path: Path
) -> None:
    broken = _broken(_relay(way, tmp_path, step, expect, configured, faults))
    assert any(breach in one for one in broken), broken


@pytest.mark.parametrize(
    ("way", "step", "expect", "configured", "faults"),
    [
        ("keeps-its-promises", SENT, PUT_OFF, "{retry: 150ms}", BUSY % ", times: 3"),
        ("keeps-its-promises", SENT, PUT_OFF, "{give_up: 1s}", BUSY % ""),
        ("keeps-its-promises", FROM_NOBODY, REFUSED, "{}", "[]"),
        ("tells-postmaster", FROM_NOBODY, REFUSED, "{}", "[]"),
        ("begins-tls", SENT, TAKEN, "{tls: required}", "[]"),
        ("begins-tls", TLS_REQUIRED, TAKEN, "{}", "[]"),
        ("keeps-its-promises", SENT, TAKEN, "{tls: opportunistic}", "[]"),
        ("refuses-strangers", SENT, TAKEN, "{}", "[]"),
        ("refuses-strangers", BY_MALLORY, "reply: {from: crepes.fr, on: RCPT, code: 550 5.7.1}", "{}", "[]"),
        ("keeps-its-promises", BY_MALLORY, "delivered: {to: bob@someschool.edu}", "{}", "[]"),
        ("keeps-its-promises", BY_MALLORY, "reply: {from: crepes.fr, on: message, code: 250 2.0.0}", "{}", "[]"),
    ],
    ids=[
        "as-slow-as-set",
        "in-its-time",
        "null-path-silent",
        "null-path-postmaster",
        "policy",
        "requiretls",
        "opportunistic",
        "friend",
        "stranger-refused",
        "stranger-whose-mail-is-to-arrive",
        "stranger-who-is-to-be-served",
    ],
)
def test_a_relay_that_keeps_the_rules_is_green(
    way: str, step: str, expect: str, configured: str, faults: str, tmp_path: Path
) -> None:
    outcome = _relay(way, tmp_path, step, expect, configured, faults)
    assert outcome.result is Result.HELD, why(outcome)


AWAY = """
title: A receiver that {way}
hosts:
  alice.crepes.fr: {{}}
  someschool.edu:
    command: [{python}, {program}, {way}]
    mailboxes: [bob]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
  crepes.fr: {{mailboxes: [alice]}}
steps:
  - talk:
      from: alice.crepes.fr
      to: someschool.edu
      say:
        - MAIL FROM:{sender}
        - RCPT TO:<bob@someschool.edu>
        - DATA
        - {{octets: "From: alice@crepes.fr<CRLF>Message-ID: <1.said@crepes.fr><CRLF><CRLF>Hello<CRLF>.<CRLF>"}}
        - NOOP
        - QUIT
  - wait: 2s
expect:
  - reply: {{from: someschool.edu, on: message, code: 250 2.0.0}}
"""


@pytest.mark.parametrize(
    ("way", "sender", "right"),
    [
        ("answers-everybody", "<>", False),
        ("answers-everybody", "<alice@crepes.fr>", True),
        ("answers-who-can-be-told", "<>", True),
    ],
)
def test_nobody_answers_mail_from_the_null_path(way: str, sender: str, right: bool, tmp_path: Path) -> None:
    program = FOLDER / "receiver.py"
    outcome = play(AWAY.format(way=way, python=sys.executable, program=program, sender=sender), tmp_path)
    broken = _broken(outcome)
    assert ("someschool.edu answered <1.said@crepes.fr>, which it had from the null path" in broken) is not right
    assert (broken == []) is right


CIRCLE = """
title: Two relays hand everything to each other, and one {way}
hosts:
  alice.crepes.fr: {{retry: 1h}}
  crepes.fr:
    role: relay
    command: [{python}, {program}, {way}]
    mailboxes: [alice]
    environment: {{NEXT_HOP: someschool.edu}}
    configured: {{max_hops: 5}}
  someschool.edu:
    role: relay
    command: [{python}, {program}, counts-hops-for-nothing]
    mailboxes: [bob]
    environment: {{NEXT_HOP: crepes.fr}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 10s
expect:
  - reply: {{from: crepes.fr, on: message, code: 554 5.4.6}}
"""


@pytest.mark.parametrize(("way", "right"), [("counts-hops", True), ("counts-hops-for-nothing", False)])
def test_mail_that_goes_in_circles_is_stopped(way: str, right: bool, tmp_path: Path) -> None:
    outcome = play(CIRCLE.format(way=way, python=sys.executable, program=FOLDER / "relay.py"), tmp_path)
    assert any("for bob@someschool.edu came back to crepes.fr" in one for one in _broken(outcome)) is not right, why(
        outcome
    )


AGENT = """
title: A mail program logs in {way}
hosts:
  alice.crepes.fr:
    role: user-agent
    command: [{python}, -c, {program}]
    server: crepes.fr
    address: alice@crepes.fr
    configured: {{tls: {policy}}}
  crepes.fr: {{mailboxes: {{alice: {{password: hush}}}}, starttls: true, auth_in_clear: true}}
  someschool.edu: {{mailboxes: [bob]}}
steps:
  - wait: 5s
expect:
  - exited: {{command: {python}, status: 0}}
  - reply: {{from: crepes.fr, on: AUTH, code: 235 2.7.0}}
"""
LOGS_IN = """import os, smtplib, ssl
server = smtplib.SMTP("crepes.fr", 587, timeout=5)
{begin}
server.login("alice@crepes.fr", "hush")
server.quit()
"""
BEGIN_TLS = 'server.starttls(context=ssl.create_default_context(cafile=os.environ["TESTBED_CA"]))'


@pytest.mark.parametrize(
    ("way", "begin", "policy", "right"),
    [
        ("in clear", "", "required", False),
        ("in clear", "", "opportunistic", True),
        ("under TLS", BEGIN_TLS, "required", True),
    ],
)
def test_no_password_goes_in_clear_where_tls_is_required(
    way: str, begin: str, policy: str, right: bool, tmp_path: Path
) -> None:
    program = json.dumps(LOGS_IN.format(begin=begin))
    outcome = play(AGENT.format(way=way, python=sys.executable, program=program, policy=policy), tmp_path)
    told = "alice.crepes.fr logged in to crepes.fr in clear, although TLS is required"
    assert (told in _broken(outcome)) is not right, why(outcome)
    assert (outcome.result is Result.HELD) is right, why(outcome)


IN_VAIN = """
title: A relay that has heard no refusal, or nothing behind garbage, tries again
faults:
  - {{{fault}, times: 1}}
steps:
  - send: {{to: [bob@someschool.edu, nobody@someschool.edu]}}
expect:
  - attempts: {{to: someschool.edu, count: 2}}
settle: 2h
"""


@pytest.mark.parametrize(
    "fault",
    [
        "host: crepes.fr, is: crashed, when: it has sent RCPT, for: 2s",
        "at: crepes.fr, as: client, on: RCPT, nth: 2, then: close",
        "at: someschool.edu, on: RCPT, then: garble",
    ],
    ids=["crashed", "made-to-close", "behind-garbage"],
)
def test_who_has_not_heard_a_refusal_may_try_again(fault: str, tmp_path: Path) -> None:
    outcome = play(IN_VAIN.format(fault=fault), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


LAST_TRY = """
title: The last try of a relay falls on the end of the mail's time
faults:
  - {fault}
  - {{at: someschool.edu, on: message, reply: 451 4.3.0 Try again later}}
steps:
  - send: {{to: bob@someschool.edu}}
settle: 6d
expect:
  - bounced: {{to: alice@crepes.fr, for: bob@someschool.edu}}
"""


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            "{at: someschool.edu, on: RCPT, then: stall, after: command, times: 1}",
            id="25 minutes are left after the five of the first, which was stalled",
        ),
        pytest.param(
            "{host: someschool.edu, is: silent, until: 1h}",
            id="20 minutes are left after the first two, which found nobody and offered nothing",
        ),
    ],
)
def test_the_last_try_may_come_sooner_than_any_other(fault: str, tmp_path: Path) -> None:
    """The mail's time begins when the relay took it, not with what shows of its tries."""
    outcome = play(LAST_TRY.format(fault=fault), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
