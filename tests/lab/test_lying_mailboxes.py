"""Mailbox servers that break one promise each are red by what is judged always; those that keep them are green.

Messages are sent to the server and read by a program that says what stands in the table, a list of lines a visit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.lab.test_liars import FOLDER, broken
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

HOST = """
title: A mailbox server that {lie}
hosts:
  someschool.edu:
    command: [{python}, {folder}/mailhost.py, {lie}]
    listens: [25, 110, 143]
    mailboxes: [bob, carol]
    environment: {{DELIVER_INTO: "{{mailboxes}}"}}
  bob.someschool.edu: {{address: bob@someschool.edu}}
{faults}
steps:
  - send: {{to: bob@someschool.edu, subject: Lunch, body: "At noon?\\n.\\n\\n..and here\\nnot later"}}
  - wait: 200ms
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "After noon, then"}}
  - send: {{to: carol@someschool.edu, subject: Breakfast, body: "At dawn"}}
  - wait: 1s
{steps}
expect:
  - exited: {{command: visit.py, status: 0}}
"""
VISIT = (
    "  - run: {{command: [{python}, {folder}/visit.py, {protocol}, someschool.edu, {lines}], on: bob.someschool.edu}}\n"
)
POP3, IMAP = ("USER bob", "PASS x"), ("LOGIN bob x", "SELECT INBOX")
ALL_POP3 = ("STAT", "LIST", "UIDL", "RETR 1", "RETR 2")
ALL_IMAP = ("FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])",)
SEES = [(*POP3, *ALL_POP3, "QUIT")]
LOOKS = [(*IMAP, *ALL_IMAP, "LOGOUT")]
DELETES_ONE = [(*POP3, *ALL_POP3, "DELE 2", "QUIT"), *SEES]
EXPUNGES_ONE = [(*IMAP, *ALL_IMAP, "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "LOGOUT"), *LOOKS]

BY_POP3 = {
    "deletes-what-was-fetched": (
        SEES * 2,
        "someschool.edu lost 2 messages that nobody has deleted: bob's mailbox has 0",
    ),
    "deletes-before-quit": (
        [(*POP3, *ALL_POP3, "DELE 1", "CUT"), *SEES],
        "someschool.edu deleted a message marked for deletion, although its reader never reached QUIT",
    ),
    "keeps-what-was-deleted": (DELETES_ONE, "answered OK to the deletion of uid-2, but bob's mailbox still has it"),
    "deletes-the-first-instead": (DELETES_ONE, "someschool.edu lost a message that nobody has deleted: uid-1"),
    "deletes-one-more": (DELETES_ONE, "someschool.edu lost a message that nobody has deleted: bob's mailbox has 0"),
    "loses-one-between-visits": (SEES * 2, "someschool.edu lost a message that nobody has deleted: uid-1"),
    "gives-other-octets": (SEES, "altered {one} for bob: its text is not what was sent"),
    "leaves-the-last-line-out": (SEES, "altered {one} for bob: its text is not what was sent"),
    "gives-no-subject": (SEES, "altered {one} for bob: its header field subject is gone or changed"),
    "stuffs-no-dots": (SEES, "altered {one} for bob: its text is not what was sent"),
    "stuffs-dots-twice": (SEES, "altered {one} for bob: its text is not what was sent"),
    "opens-another-mailbox": (
        [(*POP3, "RETR 1", "QUIT")],
        "gave bob {three}, which was sent only to carol@someschool.edu",
    ),
    "renames-at-every-visit": (SEES * 2, "gave messages in bob's mailbox other names than 1.1, 1.2"),
    "names-by-number": ([*SEES, (*POP3, "DELE 1", "QUIT"), *SEES], "had {one} as 1, then {two} under the same name"),
    "counts-line-ends-as-one": (SEES, "told bob.someschool.edu that message 1 (uid-1) has"),
    "tells-another-sum": (SEES, "octets in total, but"),
    "gives-a-line-more-to-top": ([(*POP3, "TOP 1 1", "QUIT")], "sent 2 lines of message 1 for TOP 1 1"),
    "gives-a-line-less-to-top": ([(*POP3, "RETR 1", "TOP 1 2", "QUIT")], "sent 1 line of message 1 for TOP 1 2"),
}
BY_IMAP = {
    "loses-one-between-visits": (LOOKS * 2, "someschool.edu lost a message that nobody has deleted: UID 1"),
    "gives-other-octets": (LOOKS, "altered {one} for bob: its text is not what was sent"),
    "tells-another-size": (LOOKS, "told bob.someschool.edu that UID 1 has"),
    "has-uids-that-fall": (LOOKS, "has UIDs that do not ascend in INBOX of bob: 99, 98"),
    "uses-uids-again": (
        [
            (*IMAP, *ALL_IMAP, "STORE 2 +FLAGS (\\Deleted)", "EXPUNGE", "LOGOUT"),
            (*IMAP, "APPEND INBOX", "NOOP", *ALL_IMAP, "LOGOUT"),
        ],
        "had {two} as UID 2, then <draft@someschool.edu> under the same name",
    ),
    "forgets-flags": (
        [(*IMAP, "STORE 1 +FLAGS (\\Seen)", "FETCH 1 FLAGS", "LOGOUT")],
        "answered OK to STORE \\seen of UID 1, which does not have it",
    ),
    "expunges-one-more": (EXPUNGES_ONE, "someschool.edu expunged UID 2 of bob, which nobody had flagged \\Deleted"),
    "expunges-nothing": (EXPUNGES_ONE, "answered OK to EXPUNGE and kept UID 1, flagged \\Deleted"),
    "expunges-in-silence": (EXPUNGES_ONE, "someschool.edu lost a message that nobody has deleted"),
    "expunges-with-old-numbers": (
        [(*IMAP, *ALL_IMAP, "STORE 1:2 +FLAGS (\\Deleted)", "EXPUNGE", "LOGOUT")],
        "told bob.someschool.edu that message 2 of 1 is expunged",
    ),
    "shrinks-without-expunge": (
        [(*IMAP, "NOOP", "LOGOUT")],
        "announced 1 to bob.someschool.edu after 2 messages, without EXPUNGE",
    ),
    "appends-nothing": (
        [("LOGIN bob x", "APPEND Drafts", "SELECT Drafts", "LOGOUT")],
        "answered OK to APPEND, but bob's folder Drafts has 0 messages instead of 1",
    ),
    "copies-nothing": (
        [(*IMAP, "COPY 1:2 Archive", "SELECT Archive", "LOGOUT")],
        "answered OK to COPY 1:2, but bob's folder Archive has 0 messages instead of 2",
    ),
    "moves-and-keeps": (
        [(*IMAP, *ALL_IMAP, "UID MOVE 1 Archive", "LOGOUT"), *LOOKS],
        "someschool.edu answered OK to the deletion of UID 1, but bob's mailbox still has it",
    ),
    "moves-into-nothing": (
        [(*IMAP, "MOVE 1 Archive", "SELECT Archive", "LOGOUT")],
        "answered OK to MOVE 1, but bob's folder Archive has 0 messages instead of 1",
    ),
}
HONEST = {
    "pop3": (
        "pop3",
        [
            *SEES,
            (*POP3, "LIST", "UIDL", "RETR 1", "TOP 1 2", "TOP 2 0", "DELE 1", "CUT"),
            (*POP3, "UIDL", "DELE 1", "RSET", "QUIT"),
            *DELETES_ONE,
        ],
    ),
    "imap": (
        "imap",
        [
            *LOOKS,
            (*IMAP, "FETCH 1 (UID BODY.PEEK[]<0.100>)", "STORE 1 +FLAGS (\\Seen \\Deleted)", "CUT"),
            (*IMAP, *ALL_IMAP, "STORE 1 -FLAGS (\\Deleted)", "FETCH 1 (UID FLAGS)", "COPY 1 Archive", "MOVE 1 Archive"),
            ("LOGIN bob x", "APPEND Archive", "SELECT Archive", *ALL_IMAP, "UID SEARCH ALL", "LOGOUT"),
            *EXPUNGES_ONE,
        ],
    ),
}
CRASH = "faults:\n  - {host: someschool.edu, is: crashed, from: 3s, until: 3400ms}"


def visited(lie: str, protocol: str, visits: list[tuple[str, ...]], folder: Path, faults: str = "") -> Outcome:
    """What is said of a server that was visited so."""
    facts = {"lie": lie, "python": sys.executable, "folder": FOLDER, "protocol": protocol, "faults": faults}
    wait = "  - wait: 2s\n" if faults else ""
    steps = "".join(VISIT.format(**facts, lines=", ".join(f"'{line}'" for line in lines)) + wait for lines in visits)
    return play(HOST.format(**facts, steps="".join(steps)), folder)


@pytest.mark.parametrize("lie", BY_POP3)
def test_a_pop3_server_that_breaks_a_promise_is_red(lie: str, tmp_path: Path) -> None:
    visits, sentence = BY_POP3[lie]
    found = broken(visited(lie, "pop3", visits, tmp_path))
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize("lie", BY_IMAP)
def test_an_imap_server_that_breaks_a_promise_is_red(lie: str, tmp_path: Path) -> None:
    visits, sentence = BY_IMAP[lie]
    found = broken(visited(lie, "imap", visits, tmp_path))
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize("lie", ["deletes-what-was-fetched", "deletes-one-more", "deletes-before-quit"])
def test_a_loss_that_no_later_visit_shows_is_seen_in_the_maildir(lie: str, tmp_path: Path) -> None:
    found = broken(visited(lie, "pop3", BY_POP3[lie][0][:1], tmp_path))
    assert any("someschool.edu lost" in one or "never reached QUIT" in one for one in found), found


@pytest.mark.parametrize("faults", ["", CRASH], ids=["", "killed-and-started-again"])
@pytest.mark.parametrize("protocol", HONEST)
def test_a_server_that_keeps_its_promises_is_green_over_cuts_and_a_crash(
    protocol: str, faults: str, tmp_path: Path
) -> None:
    outcome = visited("keeps-its-promises", protocol, HONEST[protocol][1], tmp_path, faults)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    assert bool(list(of(outcome.analysis.log, events.Crashed))) == bool(faults)
