"""A fault that struck and changed nothing, or less often than it says, has not shown what its scenario is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.outcome import Result
from tests.lab.test_scenarios import play

pytestmark = pytest.mark.lab

SCENARIO = """
title: A fault that changes nothing
hosts:
  someschool.edu: {{mailboxes: {{bob: {{{bob}}}}}{more}}}
faults:
  - {{{fault}}}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: {wait}
expect:
  - connection: {{from: alice.crepes.fr, to: crepes.fr, port: 587, handshake: complete}}
"""
WIRE = "between: [crepes.fr, someschool.edu]"

_EHLO = (
    "250-someschool.edu, 250-SIZE 52428800, 250-8BITMIME, 250-SMTPUTF8, 250-PIPELINING, 250-ENHANCEDSTATUSCODES, "
    "250-DSN, 250 HELP"
)
_DATA = "354 End data with <CR><LF>.<CR><LF>"

IN_VAIN = {
    "bandwidth": (f"{WIRE}, bandwidth: 500 MB", "changed nothing: no packet was 1 ms late; say a smaller 'bandwidth'"),
    "jitter": (f"{WIRE}, jitter: 1ms, times: 1", "changed nothing: no packet was 1 ms late; say a longer 'jitter'"),
    "mtu": (f"{WIRE}, mtu: 1400", "was never reached"),
    "zone": ("zone: someschool.edu, records: [MX 10 someschool.edu]", "it says what the name server says anyway"),
    "nothing-at-all": ("zone: someschool.edu, kind: A, answer: SERVFAIL, from: 30m", "was never reached"),
    "crashed": ("host: someschool.edu, is: crashed, from: 10m, until: 20m", "nobody came until it was back"),
    "silent": ("host: someschool.edu, is: silent, from: 10m, until: 20m", "was never reached"),
    "room": ("mailbox: bob@someschool.edu, is: full, from: 10m, until: 20m", "was never reached"),
    "link": ("link: [crepes.fr, someschool.edu], is: down, from: 10m, until: 20m", "was never reached"),
    "greeting": ("at: someschool.edu, on: connect, reply: 220 someschool.edu ESMTP", "someschool.edu says so anyway"),
    "tls": ("tls: someschool.edu, is: expired", "was never reached; whoever spoke to someschool.edu did so in clear"),
    "EHLO": (f"at: someschool.edu, on: EHLO, reply: [{_EHLO}]", "someschool.edu says so anyway"),
    "DATA": (f"at: someschool.edu, on: DATA, reply: {_DATA}", "someschool.edu says so anyway"),
    "last words": (
        "at: someschool.edu, on: QUIT, then: close, after: reply",
        "after QUIT the connection is closed anyway",
    ),
    "client": ("at: crepes.fr, as: client, on: QUIT, then: close", "after QUIT the connection is closed anyway"),
}

WITH_EFFECT = {
    "a slow link": f"{WIRE}, bandwidth: 20 KB",
    "a name that is there only for the fault": "zone: someschool.edu, records: [MX 10 gone.someschool.edu]",
    "a crash with a client at the door": "host: someschool.edu, is: crashed, until: 20m",
    "another greeting": "at: someschool.edu, on: connect, reply: 220 mx.someschool.edu",
}

TIMES = {
    "5": "it struck only 2 of 5 times; give it more time, or write 'up to 5' if fewer will do",
    "up to 5": "",
    "2": "",
}


def _why_red(fault: str, folder: Path, *, wait: str = "1h", more: str = "", bob: str = "") -> str:
    outcome = play(SCENARIO.format(fault=fault, wait=wait, more=more, bob=bob), folder)
    assert outcome.judgement is not None
    [verdict] = [verdict for verdict in outcome.judgement.staged if verdict.line]
    assert outcome.result is (Result.HELD if verdict.held else Result.FAILED)
    return "" if verdict.held else verdict.why


@pytest.mark.parametrize(("fault", "why"), IN_VAIN.values(), ids=IN_VAIN.keys())
def test_one_that_changes_nothing_is_red_and_says_why(fault: str, why: str, tmp_path: Path) -> None:
    more = ", starttls: true" if fault.startswith("tls") else ""
    assert why in _why_red(fault, tmp_path, more=more)


def test_who_was_refused_spoke_neither_in_clear_nor_with_tls(tmp_path: Path) -> None:
    both = "host: someschool.edu, is: refused}\n  - {tls: someschool.edu, is: expired"
    outcome = play(SCENARIO.format(fault=both, wait="1h", more=", starttls: true", bob=""), tmp_path)
    assert outcome.judgement is not None
    [why] = [verdict.why for verdict in outcome.judgement.staged if "expired" in verdict.what]
    assert why.endswith("was never reached")


@pytest.mark.parametrize("fault", WITH_EFFECT.values(), ids=WITH_EFFECT.keys())
def test_one_that_changes_something_has_done_its_work(fault: str, tmp_path: Path) -> None:
    assert _why_red(fault, tmp_path, wait="2h") == ""


REFUSED_ANYWAY = {
    "full": ("452 4.2.2 Mailbox full", "someschool.edu says so anyway"),
    "otherwise": ("452 4.3.1 Out of space", ""),
}


@pytest.mark.parametrize(("reply", "why"), REFUSED_ANYWAY.values(), ids=REFUSED_ANYWAY.keys())
def test_a_refusal_changes_nothing_where_the_server_refuses_in_the_same_words(
    reply: str, why: str, tmp_path: Path
) -> None:
    told = _why_red(
        f"at: someschool.edu, on: RCPT, reply: {reply}, times: 1", tmp_path, bob="quota: 20 KB, filled: 20 KB"
    )
    assert why in told
    assert bool(told) is bool(why)


def test_a_relay_that_crashes_with_mail_in_its_queue_had_something_to_lose(tmp_path: Path) -> None:
    crash = "host: crepes.fr, is: crashed, from: 10m, until: 20m"
    assert _why_red(crash, tmp_path, bob="quota: 20 KB, filled: 20 KB") == ""


@pytest.mark.parametrize(("times", "why"), TIMES.items())
def test_it_strikes_as_often_as_it_says(times: str, why: str, tmp_path: Path) -> None:
    fault = f"at: someschool.edu, on: RCPT, reply: 452 4.2.2 Full, times: {times}"
    assert _why_red(fault, tmp_path, wait="31m") == why
