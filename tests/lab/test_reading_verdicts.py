"""Red when it should be red: what is judged of reading, and the conservation of what was read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.expect.conservation import judge_conservation
from testbed.expect.conservation.passages import passages
from testbed.expect.verdict import Verdict
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

READ = """
title: Bob reads
hosts: {someschool.edu: {mailboxes: {bob: {folders: [Archive], aliases: [robert]}}}}
steps:
  - send: {to: robert@someschool.edu, subject: One}
  - send: {to: bob@someschool.edu, subject: Two}
  - read: {mailbox: bob@someschool.edu, via: imap, search: One, move: Archive}
  - read: {mailbox: bob@someschool.edu, via: pop3, delete: true}
expect:
  - delivered: {to: robert@someschool.edu}
  - EXPECTED
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    held = "fetched: {by: bob.someschool.edu, from: someschool.edu, messages: 2}"
    outcome = play(READ.replace("EXPECTED", held), tmp_path_factory.mktemp("read"))
    assert outcome.result is Result.HELD, why(outcome)
    return outcome


@pytest.mark.parametrize(
    ("expectation", "reason"),
    [
        ("fetched: {by: bob.someschool.edu, from: someschool.edu, messages: 1}", "2 messages fetched"),
        ("fetched: {by: bob.someschool.edu, from: someschool.edu, messages: 2, via: pop3}", "1 message fetched"),
        ("fetched: {by: bob.someschool.edu, from: crepes.fr, messages: 0}", "never asked crepes.fr"),
        ("mailbox: {of: bob@someschool.edu, folder: Archive, messages: 0}", "it holds 1 message"),
        ("mailbox: {of: bob@someschool.edu, messages: 1}", "it holds 0 messages"),
        ("mailbox: {of: alice@crepes.fr, messages: 0}", "nothing in this run could contradict it"),
        ('reply: {from: someschool.edu, on: POP3 PASS, code: "-ERR"}', "someschool.edu sent +OK instead"),
        ("reply: {from: someschool.edu, on: QUIT, code: +OK}", "221"),
        ("reply: {from: someschool.edu, on: IMAP COPY, code: OK}", "was never asked IMAP COPY"),
    ],
)
def test_an_expectation_that_does_not_hold_is_red(expectation: str, reason: str, tmp_path: Path) -> None:
    outcome = play(READ.replace("EXPECTED", expectation), tmp_path)
    assert outcome.judgement is not None
    verdict = outcome.judgement.expectations[1]
    assert not verdict.held
    assert reason in verdict.why


def _without(analysis: Analysis, kind: type[events.Deleted | events.HoldsMail], *folders: str) -> Analysis:
    gone = [entry for entry in of(analysis.log, kind) if not folders or entry.event.folder in folders]
    return replace(analysis, log=tuple(entry for entry in analysis.log if entry not in gone))


def _conservation(analysis: Analysis) -> Verdict:
    *_, verdict = judge_conservation(analysis, passages(analysis))
    return verdict


def test_what_was_read_and_kept_is_conserved(read: Outcome) -> None:
    assert read.analysis is not None
    verdict = _conservation(read.analysis)
    assert verdict.held
    assert verdict.why.startswith("4 promises kept")


def test_mail_that_is_gone_without_having_been_deleted_is_lost(read: Outcome) -> None:
    assert read.analysis is not None
    verdict = _conservation(_without(read.analysis, events.Deleted))
    assert not verdict.held
    assert "neither delivered, bounced, nor queued" in verdict.why


def test_moved_mail_that_lies_in_no_folder_is_lost(read: Outcome) -> None:
    assert read.analysis is not None
    assert not _conservation(_without(read.analysis, events.HoldsMail, "Archive")).held


def test_moved_mail_that_lies_in_both_folders_is_doubled(read: Outcome) -> None:
    assert read.analysis is not None
    [moved] = [entry for entry in of(read.analysis.log, events.HoldsMail) if entry.event.folder == "Archive"]
    left = replace(moved, event=dataclasses.replace(moved.event, folder="INBOX"))
    verdict = _conservation(replace(read.analysis, log=(*read.analysis.log, left)))
    assert not verdict.held
    assert "lies in Archive and INBOX" in verdict.why
