"""Ready-made programs that read mail: by which protocols, through TLS, what they delete, what a cut does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.subjects.subject import subjects
from testbed.trace.model.log import of
from tests.lab.test_programs import said
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

Have = Callable[[str], None]
READERS = [name for name, subject in subjects().items() if "read" in subject.errands]

READS = """
title: Two messages lie in a mailbox
hosts:
  bob.someschool.edu: {{address: bob@someschool.edu, program: {program}}}
  someschool.edu: {{starttls: true, mailboxes: {{bob: {{password: {password}, folders: [Archive, Old]}}}}}}
{faults}steps:
  - send: {{to: bob@someschool.edu, subject: "Lunch?", body: ".\\n..\\nAt noon"}}
  - send: {{to: bob@someschool.edu, subject: Dinner, size: 50 KB}}
  - wait: 1m
{steps}expect:
  - fetched: {{by: bob.someschool.edu, from: someschool.edu, via: {via}, {fetched}}}
  - mailbox: {{of: bob@someschool.edu, messages: {left}}}
"""
PASSWORD = """'c"or$re{\\ct'"""
BY = "  - read: {{mailbox: bob@someschool.edu, via: {via}{words}}}\n"
LOST_ITS_CHILD = "waiting child pid"  # getmail6 misses a signal that comes early, whoever runs it


def scenario(program: str, via: str, words: str = "", *, left: int = 2, fetched: str = "", faults: str = "") -> str:
    steps = BY.format(via=via, words=words)
    if faults:
        steps *= 3
        faults = f"faults: [{{at: someschool.edu, {faults}, times: 1}}]\n"
    return READS.format(
        program=program,
        via=via,
        steps=steps,
        left=left,
        fetched=fetched or "messages: 2",
        faults=faults,
        password=PASSWORD,
    )


def played(text: str, folder: Path) -> Outcome:
    """The outcome; skips the test where getmail6 was not itself."""
    outcome = play(text, folder)
    if any(LOST_ITS_CHILD in line for line in said(outcome)):
        pytest.skip("getmail6 has waited for a child that had ended")
    return outcome


def ways() -> Iterator[tuple[str, str, str, bool]]:
    for name in READERS:
        can = subjects()[name].can("read")
        for via in ("pop3", "imap"):
            for tls in ("none", "starttls", "implicit"):
                if via in can and (tls == "none" or tls in can):
                    yield name, via, tls, "delete" in can and tls != "none"


@pytest.mark.parametrize(("program", "via", "tls", "deletes"), ways())
def test_it_fetches_what_is_there(program: str, via: str, tls: str, deletes: bool, have: Have, tmp_path: Path) -> None:
    have(program)
    words = f", tls: {tls}" + (", delete: true" if deletes else "")
    outcome = played(scenario(program, via, words, left=0 if deletes else 2), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    [ended] = of(outcome.analysis.log, events.Exited)
    assert (ended.event.status, ended.event.asked, ended.event.command) == (0, "read", f"{program} read")
    lying = {entry.event.message_id for entry in of(outcome.analysis.log, events.HoldsFile)}
    assert len(lying) == 2  # in its Maildir


CUTS = {
    "pop3": ("POP3 PASS", "POP3 RETR", "POP3 DELE", "POP3 QUIT"),
    "imap": ("IMAP LOGIN", "IMAP SELECT", "IMAP FETCH", "IMAP LOGOUT"),
}


def cuts() -> Iterator[tuple[str, str, str]]:
    return ((name, via, stage) for name, via, tls, _ in ways() if tls == "none" for stage in CUTS[via])


@pytest.mark.parametrize(("program", "via", "stage"), cuts())
def test_it_loses_nothing_when_it_is_cut_off_and_comes_again(
    program: str, via: str, stage: str, have: Have, tmp_path: Path
) -> None:
    have(program)
    deletes = "delete" in subjects()[program].can("read")
    words = ", delete: true" if deletes else ""
    faults = f"on: {stage}, then: reset"
    text = scenario(program, via, words, faults=faults)
    text = text[: text.index("  - mailbox:")].replace(", messages: 2}", "}")  # what it leaves there is up to it
    outcome = played(text, tmp_path)
    assert outcome.judgement is not None
    unreached = [v for v in outcome.judgement.staged if not v.held and "never reached" in v.why]
    if unreached:
        pytest.skip(f"{program} never says {stage}")
    assert outcome.result is Result.HELD, why(outcome)
    assert outcome.analysis is not None
    lying = {entry.event.message_id for entry in of(outcome.analysis.log, events.HoldsFile)}
    assert len(lying) == 2


DOES = [
    ("imapflow", ", search: Lunch, move: Archive", 1, "messages: 1"),
    ("imapflow", ", search: Lunch, copy: Archive", 2, "messages: 1"),
    ("imapflow", ", append: 1 KB", 3, "messages: 3"),
    ("imapflow", ", quit: false", 2, "messages: 2"),
    ("curl", ", search: Lunch, delete: true", 1, "messages: 1"),
    ("fetchmail", ", folder: Archive", 2, "messages: 0"),
    ("getmail6", ", folder: Archive", 2, "messages: 0"),
    ("mbsync", ", folder: Archive", 2, "messages: 0"),
]


@pytest.mark.parametrize(("program", "words", "left", "fetched"), DOES)
def test_it_does_what_the_step_says(
    program: str, words: str, left: int, fetched: str, have: Have, tmp_path: Path
) -> None:
    have(program)
    outcome = played(scenario(program, "imap", words, left=left, fetched=fetched), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize("program", READERS)
def test_a_wrong_password_shows_in_its_status(program: str, have: Have, tmp_path: Path) -> None:
    have(program)
    text = scenario(program, "imap", ", password: wrong", fetched="messages: 0")
    outcome = played(text, tmp_path)
    assert outcome.analysis is not None
    [ended] = of(outcome.analysis.log, events.Exited)
    assert ended.event.status != 0
