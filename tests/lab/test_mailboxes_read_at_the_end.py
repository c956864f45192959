"""Mailboxes that no file shows are read at the end, by POP3 or IMAP, and judged by what is given then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.expect import judge
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.inspect import inspect
from testbed.trace.model.log import of
from tests.lab.test_liars import FOLDER
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

HOST = """
title: A mailbox server that {lie}, and shows its mailboxes by {protocol} only
hosts:
  someschool.edu:
    command: [{python}, {folder}/mailhost.py, {lie}]
    listens: [25, 110, 143]
    mailboxes: {{bob: {{password: opensesame}}, carol: {{password: opensesame}}}}
    serves: [{protocol}]
    environment: {{DELIVER_INTO: {store}}}
  crepes.fr: {{retry: 10m}}
  bob.someschool.edu: {{address: bob@someschool.edu}}
faults: {faults}
steps:
  - send: {{to: bob@someschool.edu, subject: Lunch, body: "At noon?\\n.\\n\\n..and here\\nnot later"}}
  - wait: 200ms
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "After noon, then"}}
  - wait: {wait}
{steps}
expect:
  - reply: {{from: someschool.edu, on: message, code: 250, count: 2}}
  - delivered: {{to: bob@someschool.edu, within: 10s}}
{expect}
"""
CRASH = "[{host: someschool.edu, is: crashed, from: 5s, until: 5300ms}]"
VISIT = (
    "  - run: {{command: [{python}, {folder}/visit.py, {protocol}, someschool.edu, {lines}], on: bob.someschool.edu}}\n"
)
FETCHES = {
    "pop3": ["USER bob", "PASS x", "RETR 1", "DELE 1", "QUIT"],
    "imap": ["LOGIN bob x", "SELECT INBOX", "FETCH 1 BODY.PEEK[]", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "LOGOUT"],
}
UNSEEN = {
    "pop3": ["USER bob", "PASS x", "DELE 1", "QUIT"],
    "imap": ["LOGIN bob x", "SELECT INBOX", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "LOGOUT"],
}
SEES = {"pop3": ["USER bob", "PASS x", "STAT", "QUIT"], "imap": ["LOGIN bob x", "SELECT INBOX", "LOGOUT"]}
PROTOCOLS = pytest.mark.parametrize("protocol", ["pop3", "imap"])


def served(
    lie: str, protocol: str, folder: Path, *, faults: str = "[]", visit: list[str] | None = None, expect: str = ""
) -> Outcome:
    """What is said of a server that was sent two messages, and visited so."""
    facts = {"lie": lie, "python": sys.executable, "folder": FOLDER, "protocol": protocol}
    lines = ", ".join(f"'{line}'" for line in visit or ())
    steps = VISIT.format(**facts, lines=lines) if visit else ""
    store, wait = folder / "store", "6s" if faults != "[]" else "1s"
    return play(HOST.format(**facts, faults=faults, store=store, wait=wait, steps=steps, expect=expect), folder)


@PROTOCOLS
@pytest.mark.parametrize(
    ("way", "faults"), [("keeps-its-promises", "[]"), ("keeps-its-promises", CRASH), ("stores-soon", "[]")]
)
def test_what_a_mailbox_holds_at_the_end_is_judged(way: str, faults: str, protocol: str, tmp_path: Path) -> None:
    outcome = served(way, protocol, tmp_path, faults=faults)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.not_judged == ()
    assert outcome.judgement is not None
    assert outcome.judgement.mail[-1].why == "4 promises kept"


@PROTOCOLS
@pytest.mark.parametrize(
    ("lie", "breach"),
    [
        ("forgets-the-second", "someschool.edu answered 250 for {two} to bob@someschool.edu; it is neither"),
        ("stores-other-octets", "someschool.edu altered {one} in the mailbox: its text is not what was sent"),
        ("delivers-to-carol", "someschool.edu gave {one} to carol@someschool.edu, whom nobody has sent it"),
        ("delivers-twice", "2 copies of {one} for bob@someschool.edu, and no lost reply explains it"),
        ("gives-no-subject", "someschool.edu altered {one} in the mailbox: its header field subject is gone"),
    ],
)
def test_what_is_not_there_or_not_as_it_was_sent_is_red(lie: str, breach: str, protocol: str, tmp_path: Path) -> None:
    outcome = served(lie, protocol, tmp_path)
    assert outcome.analysis is not None, outcome.played.error
    assert outcome.judgement is not None
    one, two = dict.fromkeys(entry.event.message_id for entry in of(outcome.analysis.log, events.Submitted))
    reasons = [verdict.why for verdict in outcome.judgement.mail if not verdict.held]
    assert any(breach.format(one=one, two=two) in reason for reason in reasons), reasons
    assert judge(outcome.scenario, inspect(tmp_path / "trace.pcapng")) == outcome.judgement


@PROTOCOLS
def test_mail_that_a_reader_fetched_and_deleted_was_delivered(protocol: str, tmp_path: Path) -> None:
    outcome = served("keeps-its-promises", protocol, tmp_path, visit=FETCHES[protocol])
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.not_judged == ()


@PROTOCOLS
def test_what_a_reader_took_away_without_fetching_it_is_not_judged(protocol: str, tmp_path: Path) -> None:
    outcome = served("keeps-its-promises", protocol, tmp_path, visit=UNSEEN[protocol])
    assert any("somebody else has changed its mailbox" in verdict.why for verdict in outcome.not_judged), why(outcome)
    assert outcome.judgement is not None
    assert outcome.judgement.mail[-1].held


@PROTOCOLS
@pytest.mark.parametrize(
    ("way", "faults", "reason"),
    [
        ("lets-nobody-in", "[]", "AUTH"),
        ("keeps-its-promises", "[{host: someschool.edu, is: crashed, from: 1s}]", "the program does not run"),
        ("keeps-its-promises", "[{host: someschool.edu, is: silent, from: 1s}]", "no answer"),
    ],
)
def test_a_mailbox_that_cannot_be_read_is_not_judged(
    way: str, faults: str, reason: str, protocol: str, tmp_path: Path
) -> None:
    outcome = served(way, protocol, tmp_path, faults=faults)
    assert outcome.judgement is not None, outcome.played.error
    assert all(verdict.held for verdict in outcome.judgement.mail), why(outcome)
    reasons = [verdict.why for verdict in outcome.judgement.not_judged]
    assert any("could not read its mailbox at the end" in one and reason in one for one in reasons), reasons


@PROTOCOLS
def test_no_expectation_is_about_the_reading_at_the_end(protocol: str, tmp_path: Path) -> None:
    port = {"pop3": 110, "imap": 143}[protocol]
    expect = f"  - attempts: {{to: someschool.edu, port: {port}, count: 0}}\n"
    expect += "  - mailbox: {of: bob@someschool.edu, messages: 2}"
    outcome = served("keeps-its-promises", protocol, tmp_path, expect=expect)
    assert outcome.result is Result.HELD, why(outcome)


@PROTOCOLS
def test_the_reading_at_the_end_tells_of_mail_that_vanished(protocol: str, tmp_path: Path) -> None:
    outcome = served("loses-one-between-visits", protocol, tmp_path, visit=SEES[protocol])
    assert outcome.judgement is not None, outcome.played.error
    reasons = [verdict.why for verdict in outcome.judgement.mail if not verdict.held]
    assert any("lost a message that nobody has deleted" in one for one in reasons), reasons
