"""Programs that are right as long as nothing goes wrong: the one fault that finds each of them out makes its run red.

Nothing of what a liar does is expected of it by its scenario, and each one's run without faults is like that of the
honest program, which no such fault turns red.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

from testbed.explore.candidate import Candidate
from testbed.explore.first_run import Explored, explored
from testbed.explore.play import play
from testbed.explore.ran import Came, Order, Ran
from testbed.scenario.load import parse

pytestmark = [pytest.mark.lab, pytest.mark.program("cc")]

FOLDER = Path(__file__).parent / "liars"
HONEST = "keeps-its-promises"

RELAY = """
title: A relay that {flaw}
hosts:
  crepes.fr:
    role: relay
    command: [{python}, {folder}/relay.py, {flaw}]
    holds: [{python}, {folder}/relay.py, --list]
    mailboxes: [alice]
    configured: {{retry: 10m, give_up: 1h}}
  someschool.edu: {{mailboxes: [bob, carol, dave]}}
settle: 2h
steps:
  - send: {{to: [bob@someschool.edu, dave@someschool.edu], subject: Lunch, body: "At noon?"}}
  - wait: 15m
expect:
  - delivered: {{to: bob@someschool.edu}}
"""
TLS_RELAY = RELAY.replace("{{mailboxes: [bob", "{{starttls: true, mailboxes: [bob").replace(
    "{{retry: 10m, give_up: 1h}}", "{{retry: 10m, give_up: 1h, tls: required}}\n    environment: {{MUST_TLS: yes}}"
)
RESTLESS_RELAY = RELAY.replace("settle: 2h\n", "").replace(
    "{{retry: 10m, give_up: 1h}}", "{{retry: 10m, give_up: 1h}}\n    environment: {{RESTLESS: yes}}"
)
RECEIVER = """
title: A receiver that {flaw}
hosts:
  someschool.edu:
    command: [{python}, {folder}/receiver.py, {flaw}]
    mailboxes: [bob, carol, dave]
settle: 2h
steps:
  - send: {{to: [bob@someschool.edu, dave@someschool.edu], subject: Lunch, body: "At noon?"}}
  - wait: 15m
expect:
  - delivered: {{to: bob@someschool.edu}}
"""
READER = """
title: A reader that {flaw}
hosts:
  bob.someschool.edu:
    address: bob@someschool.edu
    command: [{python}, {folder}/reader.py, {flaw}]
  someschool.edu: {{serves: [pop3], mailboxes: {{bob: {{password: opensesame}}}}}}
settle: 2h
steps:
  - send: {{to: bob@someschool.edu, subject: Lunch, body: "At noon?"}}
  - wait: 15m
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "At night?"}}
  - wait: 1h
expect:
  - mailbox: {{of: bob@someschool.edu, messages: 0}}
"""

_LOST, _AGAIN = "answered 250 for <1.", "again after it had heard"
_PUT_OFF = "someschool.edu message: 4yz"
LIARS = [
    (RELAY, "drops-what-is-put-off", _PUT_OFF, _LOST),
    (RELAY, "drops-what-a-broken-connection-has", "someschool.edu MAIL: FIN before", _LOST),
    (RELAY, "forgets-the-second-where-the-first-is-put-off", _PUT_OFF, _LOST),
    (RELAY, "gives-up-in-silence", "someschool.edu RCPT: 4yz always", _LOST),
    (RELAY, "heeds-no-refusal-of-data", "someschool.edu DATA: 4yz", _LOST),
    (RELAY, "takes-no-reply-for-a-yes", "someschool.edu message: FIN in mid-message", _LOST),
    (RELAY, "takes-garbage-for-a-yes", "someschool.edu RCPT: garbled", _LOST),
    (RELAY, "keeps-its-queue-in-memory", "crepes.fr has answered message: killed, back in 2 s", _LOST),
    (RELAY, "answers-before-it-has-stored", "crepes.fr has answered message: killed, back in 2 s", _LOST),
    (RELAY, "takes-4yz-for-5yz", _PUT_OFF, "crepes.fr gave up on bob@someschool.edu"),
    (RELAY, "takes-any-refusal-for-5yz", "someschool.edu connect: FIN before", "crepes.fr gave up on"),
    (RELAY, "takes-5yz-for-4yz", "someschool.edu message: 5yz", "again, although someschool.edu had refused"),
    (RELAY, "tries-again-too-soon", _PUT_OFF, "it is set to wait 10 min"),
    (RELAY, "sends-all-again-for-one", "someschool.edu RCPT #2: 4yz", _AGAIN),
    (RELAY, "takes-a-failed-quit-for-a-failure", "someschool.edu QUIT: FIN before", _AGAIN),
    (RELAY, "alters-what-it-sends-again", _PUT_OFF, "its text is not what was sent"),
    (RELAY, "loses-a-field-when-it-sends-again", _PUT_OFF, "its header field subject is gone"),
    (RELAY, "sends-to-somebody-else-the-second-time", _PUT_OFF, "to carol@someschool.edu, whom nobody has sent it"),
    (RELAY, "sends-a-copy-at-its-next-look", _PUT_OFF, _AGAIN),
    (RELAY, "dies-of-garbage", "someschool.edu RCPT: garbled", "ended by itself with status 3"),
    (RELAY, "dies-when-a-connection-breaks", "someschool.edu MAIL: RST before", "ended by itself with status 4"),
    (RELAY, "waits-for-ever", "someschool.edu message: stall", "though it is set to give up after 1 h"),
    (
        TLS_RELAY,
        "sends-in-clear-where-tls-is-refused",
        "someschool.edu STARTTLS: 4yz",
        "in clear, although TLS is required",
    ),
    (RECEIVER, "stores-when-it-hears-quit", "crepes.fr heard message: reset", _LOST),
    (RECEIVER, "answers-before-it-has-stored", "someschool.edu has answered message: killed, back in 2 s", _LOST),
    (RECEIVER, "mixes-up-connections", "crepes.fr heard RCPT #2: close", "copies of"),
    (RELAY, "keeps-half-a-message", "alice.crepes.fr heard DATA: close", "of which it had a part only"),
    (
        RECEIVER,
        "takes-the-end-of-the-connection-for-the-dot",
        "crepes.fr heard DATA: close",
        "of which it had a part only",
    ),
    (RESTLESS_RELAY, "drops-what-is-put-off", _PUT_OFF, _LOST),
    (RECEIVER, "dies-of-a-reset", "crepes.fr heard RCPT: reset", "ended by itself with status 6"),
    (READER, "deletes-what-it-was-refused", "someschool.edu POP3 RETR #2: -ERR", "which it had not fetched"),
    (READER, "keeps-when-it-has-heard-all", "someschool.edu POP3 QUIT #2: RST when done", "but has it nowhere"),
]


def _scenario(text: str, flaw: str) -> Explored:
    return explored(parse(text.format(flaw=flaw, python=sys.executable, folder=FOLDER)))


@cache
def _offered(text: str, folder: Path) -> dict[str, Candidate]:
    """What the run of the honest program offers to try."""
    first = play(_scenario(text, HONEST), Order(0, ()), folder)
    assert (first.came, first.error) == (Came.DELIVERED, "")
    return {str(one): one for one in first.opened}


def _played(text: str, flaw: str, fault: str, folder: Path) -> Ran:
    candidate = _offered(text, folder)[fault]
    return play(_scenario(text, flaw), Order(1, (candidate.fault,)), folder)


@pytest.mark.parametrize(("text", "flaw", "fault", "told"), LIARS, ids=[f"{flaw}" for _, flaw, _, _ in LIARS])
def test_a_liar_is_found_out_by_one_fault(text: str, flaw: str, fault: str, told: str, tmp_path: Path) -> None:
    ran = _played(text, flaw, fault, tmp_path)
    assert ran.came is Came.RED, (ran.told, ran.error)
    assert any(told in breach.why for breach in ran.breaches), ran.breaches


@pytest.mark.parametrize(("text", "fault"), dict.fromkeys((text, fault) for text, _, fault, _ in LIARS))
def test_the_honest_program_is_not_accused(text: str, fault: str, tmp_path: Path) -> None:
    ran = _played(text, HONEST, fault, tmp_path)
    assert (ran.breaches, ran.error) == ((), "")


def test_a_liar_may_need_a_second_fault_that_only_the_first_makes_possible(tmp_path: Path) -> None:
    """What was put off and is then refused for good is bounced by all but this one."""
    scenario = _scenario(RELAY, "bounces-nothing-that-was-put-off")
    first = play(scenario, Order(1, (_offered(RELAY, tmp_path)[_PUT_OFF].fault,)), tmp_path)
    assert (first.came, first.breaches) == (Came.DELIVERED, ())
    then = next(one for one in first.opened if str(one) == "someschool.edu message #2: 5yz")
    both = play(scenario, Order(2, (_offered(RELAY, tmp_path)[_PUT_OFF].fault, then.fault)), tmp_path)
    assert both.came is Came.RED
    assert any(_LOST in breach.why for breach in both.breaches), both.breaches
