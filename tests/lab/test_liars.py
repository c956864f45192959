"""Programs that break one promise each are red by what is judged always; those that keep them are green.

The programs are real, and so are their packets, Maildirs and queues.  No expectation of these scenarios asks for what
is broken.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.expect.conservation import NOT_JUDGED
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

FOLDER = Path(__file__).parent / "liars"

RECEIVER = """
title: A receiver that {lie}
hosts:
  someschool.edu:
    command: [{python}, {program}, {lie}]
    mailboxes: [bob, carol, dave]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
  crepes.fr: {{retry: 10m, give_up: 1h}}
steps:
  - send: {{to: [bob@someschool.edu, dave@someschool.edu], subject: Lunch today, body: "At noon?\\n.\\n\\n..and here"}}
  - wait: 200ms
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "In the evening, then"}}
  - wait: 2s
expect:
  - reply: {{from: crepes.fr, on: message, code: 250, count: 2}}
"""

RELAY = """
title: A relay that {lie}
hosts:
  alice.crepes.fr: {{retry: 200ms}}
  crepes.fr:
    role: relay
    command: [{python}, {program}, {lie}]
    mailboxes: [alice, carol]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
  someschool.edu: {{mailboxes: [bob, carol, dave]}}
faults:
  - {{at: someschool.edu, on: RCPT, reply: 450 4.2.1 Busy, times: 1}}
{faults}
steps:
  - send: {{to: [bob@someschool.edu, dave@someschool.edu], subject: Lunch, body: "At noon?"}}
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "In the evening, then"}}
  - send: {{to: nobody@someschool.edu, subject: Breakfast, body: "At dawn"}}
  - wait: 6s
expect:
  - reply: {{from: someschool.edu, on: RCPT, code: 450 4.2.1, count: 1}}
"""
MALFORMED = """
title: The program of {host} is sent LF alone, and {lie}
hosts:
  {host}:
    role: {role}
    command: [{python}, {program}, {lie}]
    mailboxes: [alice, bob]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
steps:
  - talk: {{to: {host}, say: [EHLO x, "MAIL FROM:<alice@crepes.fr>", "RCPT TO:<bob@someschool.edu>", DATA,
            octets: "Message-ID: <1.odd@x><CRLF><CRLF>Lunch here<LF>.at noon?<CRLF>", ".", QUIT]}}
  - wait: 1s
expect:
  - delivered: {{to: bob@someschool.edu}}
"""
TOLD_IN_VAIN = """
title: A relay that {lie}, and a sender whose server takes no notification
hosts:
  crepes.fr:
    role: relay
    command: [{python}, {program}, {lie}]
    mailboxes: [alice]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
  carol.elsewhere.org: {{address: carol@elsewhere.org, server: crepes.fr}}
  elsewhere.org: {{mailboxes: [carol]}}
faults:
{faults}
steps:
  - send: {{from: carol@elsewhere.org, to: nobody@someschool.edu}}
  - wait: 3s
expect:
  - reply: {{from: someschool.edu, on: RCPT, code: 550 5.1.1, count: 1}}
  - queued: {{at: crepes.fr, count: 0}}
"""
NOT_TO_BE_TOLD = """
title: A relay that {lie}, as it is asked to
hosts:
  crepes.fr:
    role: relay
    command: [{python}, {program}, {lie}]
    mailboxes: [alice]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
steps:
  - talk: {{to: crepes.fr, say: [EHLO x, "MAIL FROM:<alice@crepes.fr>", "RCPT TO:<nobody@someschool.edu> {faults}",
            DATA, octets: "Message-ID: <1.secret@x><CRLF><CRLF>Lunch<CRLF>", ".", QUIT]}}
  - wait: 1s
expect:
  - queued: {{at: crepes.fr, count: 0}}
"""
NO_ANSWER = """
title: A relay that {lie}
hosts:
  crepes.fr:
    role: relay
    command: [{python}, {program}, {lie}]
    mailboxes: [alice]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
faults:
{faults}
steps:
  - send: {{to: bob@someschool.edu}}
  - wait: 3s
expect:
  - attempts: {{to: someschool.edu, count: 1}}
"""
RESTART = """
faults:
  - {{host: someschool.edu, is: crashed, when: it has answered message, nth: 2, times: 1, for: 300ms}}
"""
CRASHED_WHILE_SENDING = """\
  - {at: someschool.edu, on: message, then: drip, pace: 60ms, times: 1}
  - {host: crepes.fr, is: crashed, when: it has sent message, times: 1, for: 300ms}"""
CRASH = "  - {host: crepes.fr, is: crashed, when: it has answered message, nth: 3, times: 1, for: 300ms}"

SMUGGLING = """
title: A receiver that {lie}, and a client that hides commands
hosts:
  someschool.edu:
    command: [{python}, {program}, {lie}]
    mailboxes: [bob]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
steps:
  - talk:
      to: someschool.edu
      say:
        - EHLO alice.crepes.fr
        - MAIL FROM:<alice@crepes.fr>
        - RCPT TO:<bob@someschool.edu>
        - DATA
        - octets: "Message-ID:<outer@x><CRLF><CRLF>Hello{end}"
        {pause}
        - octets: "MAIL FROM:<root@crepes.fr><CRLF>RCPT TO:<bob@someschool.edu><CRLF>DATA<CRLF>"
        {pause}
        - octets: "Message-ID:<inner@x><CRLF><CRLF>Hidden<CRLF>"
        - .
        - QUIT
  - wait: 2s
expect:
  - reply: {{from: someschool.edu, on: message, code: 250}}
"""

RECEIVERS = {
    "forgets": "someschool.edu answered 250 for {one} to bob@someschool.edu; it is neither",
    "forgets-every-second": "someschool.edu answered 250 for {two} to bob@someschool.edu; it is neither",
    "keeps-the-first-recipient": "someschool.edu answered 250 for {one} to dave@someschool.edu; it is neither",
    "keeps-the-last-recipient": "someschool.edu answered 250 for {one} to bob@someschool.edu; it is neither",
    "delivers-to-somebody-else": "someschool.edu gave {one} to carol@someschool.edu, whom nobody",
    "delivers-to-carol-too": "someschool.edu gave {one} to carol@someschool.edu, whom nobody",
    "delivers-twice": "2 copies of {one} for bob@someschool.edu, and no lost reply explains it",
    "keeps-what-it-refused": "someschool.edu keeps {one} for bob@someschool.edu, which it has refused with 554 5.6.0",
    "keeps-for-whom-it-refused": "someschool.edu keeps {one} for dave@someschool.edu, which it has refused with 550",
    "changes-a-letter": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "cuts-the-end-off": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "adds-a-footer": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "drops-empty-lines": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "changes-the-case": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "keeps-the-header-only": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "keeps-stuffed-dots": "someschool.edu altered {one} in the mailbox: its text is not what was sent",
    "drops-the-subject": "someschool.edu altered {one} in the mailbox: its header field subject",
    "drops-the-message-id": "someschool.edu altered {one} in the mailbox: its header field message-id",
    "marks-the-subject": "someschool.edu altered {one} in the mailbox: its header field subject",
    "folds-the-subject": "someschool.edu altered {one} in the mailbox: its header field subject",
    "ends-with-its-250": "the program of someschool.edu ended by itself with status 3",
}

RELAYS = {
    "forgets-every-second": "crepes.fr answered 250 for {two} to bob@someschool.edu; it is neither",
    "forgets-the-last-recipient": "crepes.fr answered 250 for {one} to dave@someschool.edu; it is neither",
    "drops-what-is-put-off": "crepes.fr answered 250 for {one} to bob@someschool.edu; it is neither",
    "never-bounces": "crepes.fr answered 250 for {three} to nobody@someschool.edu; it is neither",
    "bounces-to-somebody-else": "crepes.fr answered 250 for {three} to nobody@someschool.edu; it is neither",
    "sends-to-somebody-else": "crepes.fr gave {one} to carol@someschool.edu, whom nobody",
    "sends-to-carol-too": "crepes.fr gave {one} to carol@someschool.edu, whom nobody",
    "sends-twice": "crepes.fr sent {one} for dave@someschool.edu again after it had heard",
    "sends-again-after-250": "crepes.fr sent {one} for dave@someschool.edu again after it had heard",
    "tries-again-after-5yz": "crepes.fr tried nobody@someschool.edu again, although someschool.edu had refused",
    "gives-up-at-once": "crepes.fr gave up on bob@someschool.edu when someschool.edu had said 450 4.2.1 once",
    "changes-a-letter": "crepes.fr altered {one} on its way to someschool.edu: its text is not what was sent",
    "changes-the-message-id": "crepes.fr altered {one} on its way to someschool.edu: its header field message-id",
    "drops-the-date": "crepes.fr altered {one} on its way to someschool.edu: its header field date",
    "changes-the-sender": "crepes.fr altered {one} on its way to someschool.edu: its envelope sender is <mallory",
    "ends-with-its-250": "the program of crepes.fr ended by itself with status 3",
}


def played(scenario: str, program: str, lie: str, folder: Path, faults: str = "") -> Outcome:
    text = scenario.format(lie=lie, python=sys.executable, program=FOLDER / program, faults=faults)
    return play(text, folder)


def broken(outcome: Outcome) -> list[str]:
    """What is judged always and was broken, with messages by their order instead of their ids."""
    assert outcome.judgement is not None
    return [_numbered(verdict.why) for verdict in outcome.judgement.mail if not verdict.held]


@pytest.mark.parametrize("pause", ["", "- wait: 300ms"], ids=["at-once", "slowly"])
@pytest.mark.parametrize("end", ["<LF>.<LF>", "<CRLF>.<LF>", "<LF>.<CRLF>"])
def test_a_receiver_that_ends_data_at_any_lone_dot_is_red_however_fast_its_client_is(
    end: str, pause: str, tmp_path: Path
) -> None:
    for lie, result in (("ends-data-at-any-lone-dot", Result.FAILED), ("keeps-its-promises", Result.HELD)):
        text = SMUGGLING.replace("{pause}", pause).replace("{end}", end)
        outcome = played(text, "receiver.py", lie, tmp_path / lie)
        assert outcome.result is result, why(outcome)
        if result is Result.FAILED:
            name = end.replace("<", "").replace(">", "")
            assert any(f"at {name} and took the hidden message" in one for one in broken(outcome)), broken(outcome)


def _numbered(why: str) -> str:
    for number, name in (("1", "{one}"), ("2", "{two}"), ("3", "{three}")):
        before, found, after = why.partition(f"<{number}.")
        while found:
            why = before + name + after.partition(">")[2]
            before, found, after = why.partition(f"<{number}.")
    return why


@pytest.mark.parametrize("lie", RECEIVERS)
def test_a_receiver_that_breaks_a_promise_is_red(lie: str, tmp_path: Path) -> None:
    found = broken(played(RECEIVER, "receiver.py", lie, tmp_path))
    assert any(RECEIVERS[lie] in one for one in found), found


@pytest.mark.parametrize("lie", RELAYS)
def test_a_relay_that_breaks_a_promise_is_red(lie: str, tmp_path: Path) -> None:
    found = broken(played(RELAY, "relay.py", lie, tmp_path))
    assert any(RELAYS[lie] in one for one in found), found


@pytest.mark.parametrize("way", ["keeps-its-promises", "adds-trace-fields", "ends-without-a-line-end"])
def test_a_receiver_that_keeps_its_promises_is_green(way: str, tmp_path: Path) -> None:
    outcome = played(RECEIVER, "receiver.py", way, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("way", ["mends-line-ends", "changes-a-letter"])
@pytest.mark.parametrize(
    ("host", "role", "program"),
    [("someschool.edu", "receiver", "receiver.py"), ("crepes.fr", "relay", "relay.py")],
)
def test_line_ends_that_are_none_may_be_mended_and_no_more(
    host: str, role: str, program: str, way: str, tmp_path: Path
) -> None:
    """RFC 5321 §2.3.8: nobody may send them, so servers make of them what they hold right."""
    text = MALFORMED.format(lie=way, python=sys.executable, program=FOLDER / program, host=host, role=role)
    found = broken(play(text, tmp_path))
    altered = [f"{host} altered {{one}}" in one for one in found]
    assert altered == ([] if way == "mends-line-ends" else [True])


def test_a_receiver_that_loses_what_it_had_not_stored_when_it_was_killed_is_red(tmp_path: Path) -> None:
    killed_at_once = RECEIVER + RESTART.replace("nth: 2", "nth: 1")
    found = broken(played(killed_at_once, "receiver.py", "stores-too-late", tmp_path))
    assert any("answered 250 for {one} to bob@someschool.edu; it is neither" in one for one in found), found


def test_a_receiver_that_shows_its_old_files_after_a_restart_has_doubled_nothing(tmp_path: Path) -> None:
    outcome = played(RECEIVER + RESTART, "receiver.py", "keeps-its-promises", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert [entry.host for entry in of(outcome.analysis.log, events.Crashed)] == ["someschool.edu"]


@pytest.mark.parametrize("crash", ["", CRASH], ids=["", "killed-and-started-again"])
@pytest.mark.parametrize("way", ["keeps-its-promises", "adds-a-trace-field", "bounces-in-another-form"])
def test_a_relay_that_keeps_its_promises_is_green_over_a_crash_too(way: str, crash: str, tmp_path: Path) -> None:
    outcome = played(RELAY, "relay.py", way, tmp_path, crash)
    assert outcome.result is Result.HELD, why(outcome)


def test_a_relay_that_was_killed_before_it_could_note_a_250_has_doubled_nothing(tmp_path: Path) -> None:
    outcome = played(RELAY, "relay.py", "keeps-its-promises", tmp_path, CRASHED_WHILE_SENDING)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.judgement is not None
    assert "2 copies of" in outcome.judgement.mail[-1].why
    assert "(RFC 1047)" in outcome.judgement.mail[-1].why


def test_a_sender_who_is_told_of_a_delay_only_has_not_heard_of_the_failure(tmp_path: Path) -> None:
    scenario = RELAY + "  - bounced: {{to: alice@crepes.fr, for: nobody@someschool.edu}}\n"
    outcome = played(scenario, "relay.py", "tells-of-a-delay-only", tmp_path)
    told = "delivered, bounced nor queued, and its sender was told only of a delay"
    assert any(f"{{three}} to nobody@someschool.edu; it is neither {told}" in one for one in broken(outcome))
    assert outcome.judgement is not None
    bounced = outcome.judgement.expectations[-1]
    assert not bounced.held
    assert "alice@crepes.fr is told that it is delayed, not that it failed (RFC 3464 §2.3.3)" in bounced.why


@pytest.mark.parametrize("on", ["MAIL", "RCPT", "message"])
def test_a_relay_whose_notification_is_refused_has_told_what_it_had_to_tell(on: str, tmp_path: Path) -> None:
    """RFC 5321 §6.1: nobody is to be told that a notification could not be delivered."""
    fault = f"  - {{at: elsewhere.org, on: {on}, mail_from: <>, reply: 550 5.7.1 No notifications here}}"
    outcome = played(TOLD_IN_VAIN, "relay.py", "keeps-its-promises", tmp_path, fault)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize(("asked", "result"), [("NOTIFY=NEVER", Result.HELD), ("NOTIFY=FAILURE", Result.FAILED)])
def test_who_wants_to_hear_of_no_failure_is_owed_nothing_after_a_refusal(
    asked: str, result: Result, tmp_path: Path
) -> None:
    """RFC 3461 §4.1."""
    outcome = played(NOT_TO_BE_TOLD, "relay.py", "never-bounces", tmp_path, asked)
    assert outcome.result is result, why(outcome)


def test_a_relay_that_tells_nobody_is_red_though_it_was_never_refused(tmp_path: Path) -> None:
    fault = "  - {at: someschool.edu, on: connect, reply: 421 4.3.2 Later, times: 1}"
    found = broken(played(TOLD_IN_VAIN, "relay.py", "never-bounces", tmp_path, fault))
    assert any("{one} to nobody@someschool.edu; it is neither" in one for one in found), found


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not-stored"])
def test_mail_that_lies_in_the_mailbox_is_not_lost_whatever_its_relay_has_heard(stored: bool, tmp_path: Path) -> None:
    where = "" if stored else "octet: 5, "
    fault = f"  - {{at: someschool.edu, on: message, {where}then: close, times: 1}}"
    found = broken(played(NO_ANSWER, "relay.py", "heeds-no-lost-answer", tmp_path, fault))
    assert found == [] if stored else any("{one} to bob@someschool.edu; it is neither" in one for one in found)


def test_a_template_of_a_message_is_no_queue(tmp_path: Path) -> None:
    """What is put off lies where nobody looks."""
    elsewhere = RELAY.replace("environment: {{", f"environment: {{{{QUEUE_AT: {tmp_path}/queue, ")
    outcome = played(elsewhere, "relay.py", "keeps-what-is-put-off", tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.judgement is not None
    assert [verdict.what for verdict in outcome.judgement.mail if not verdict.judged] == [NOT_JUDGED]


@pytest.mark.parametrize(
    ("expected", "wrong"),
    [
        ("action: failed, for: nobody@someschool.edu, status: 5.7.99", "Status is 5."),
        ("action: failed, for: carol@someschool.edu", "Final-Recipient is nobody@someschool.edu"),
        ("action: delayed, for: nobody@someschool.edu", "Action is failed"),
    ],
)
def test_a_notification_that_says_otherwise_is_told_by_its_fields(expected: str, wrong: str, tmp_path: Path) -> None:
    """In another form than RFC 3464's, too."""
    scenario = RELAY + f"  - notified: {{{{to: alice@crepes.fr, {expected}}}}}\n"
    outcome = played(scenario, "relay.py", "bounces-in-another-form", tmp_path)
    assert outcome.judgement is not None
    verdict = outcome.judgement.expectations[-1]
    assert not verdict.held
    assert f"says otherwise: {wrong}" in verdict.why
