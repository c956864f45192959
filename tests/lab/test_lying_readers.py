"""Programs that fetch mail, and lose it, are red by what is judged always; those that keep it are green."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.outcome import Outcome, Result
from tests.lab.test_liars import FOLDER, broken
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

READER = """
title: A reader that {lie}
hosts:
  bob.someschool.edu:
    address: bob@someschool.edu
    {host}
  someschool.edu: {{serves: [pop3, imap], mailboxes: {{bob: {{password: opensesame}}}}}}
{faults}
steps:
  - send: {{to: bob@someschool.edu, subject: Lunch, body: "At noon?\\n.\\n\\n..and here"}}
  - send: {{to: bob@someschool.edu, subject: Dinner, body: "In the evening, then\\nor at night\\n{long}"}}
  - send: {{to: bob@someschool.edu, subject: Breakfast, body: "At dawn"}}
  {step}
  - wait: 3s
expect:
  - mailbox: {{of: bob@someschool.edu, messages: 0}}
"""
HALF = "bob.someschool.edu deleted message 2 of bob at someschool.edu, which it had fetched only in part"
UNREAD = "bob.someschool.edu deleted message 2 of bob at someschool.edu, which it had not fetched"
LIES = {
    ("deletes-unread", "pop3"): UNREAD,
    ("deletes-unread", "imap"): UNREAD,
    ("deletes-half-read", "imap"): HALF,
    ("forgets-one", "pop3"): "bob.someschool.edu fetched and deleted {two}, but has it nowhere",
    ("forgets-one", "imap"): "bob.someschool.edu fetched and deleted {two}, but has it nowhere",
    ("stores-nothing", "pop3"): "bob.someschool.edu fetched and deleted {one}, but has it nowhere",
    ("stores-nothing", "imap"): "bob.someschool.edu fetched and deleted {three}, but has it nowhere",
    ("stores-twice", "pop3"): "bob.someschool.edu stores 2 copies of {one}, and no cut connection explains it",
    ("stores-twice", "imap"): "bob.someschool.edu stores 2 copies of {two}, and no cut connection explains it",
}
HONEST = [
    ("keeps-all", "pop3"),
    ("keeps-all", "imap"),
    ("fetches-by-top", "pop3"),
    ("fetches-in-halves", "imap"),
    ("fetches-in-pieces", "imap"),
]


def read(lie: str, protocol: str, folder: Path, *, by_step: bool = False, faults: str = "") -> Outcome:
    """What is said of a reader that plays Bob's machine, or is run there by a step."""
    command = f"command: [{sys.executable}, {FOLDER / 'reader.py'}, {lie}, {protocol}, someschool.edu]"
    step = f"- run: {{{command}, on: bob.someschool.edu}}" if by_step else ""
    host = "" if by_step else command
    return play(READER.format(lie=lie, step=step, host=host, faults=faults, long="more " * 60), folder)


@pytest.mark.parametrize(("lie", "protocol"), LIES, ids=[" by ".join(one) for one in LIES])
def test_a_reader_that_loses_mail_is_red(lie: str, protocol: str, tmp_path: Path) -> None:
    found = broken(read(lie, protocol, tmp_path))
    assert any(LIES[lie, protocol] in one for one in found), found


@pytest.mark.parametrize("by_step", [False, True], ids=["plays-the-host", "in-a-step"])
@pytest.mark.parametrize(("way", "protocol"), HONEST, ids=[" by ".join(one) for one in HONEST])
def test_a_reader_that_keeps_what_it_deletes_is_green(way: str, protocol: str, by_step: bool, tmp_path: Path) -> None:
    outcome = read(way, protocol, tmp_path, by_step=by_step)
    assert outcome.result is Result.HELD, why(outcome)


@pytest.mark.parametrize(
    ("way", "protocol", "by_step", "told"),
    [
        ("deletes-by-header", "imap", False, "message 1 of bob at someschool.edu by what it had seen of it"),
        ("deletes-unread", "pop3", True, "message 2 of bob at someschool.edu, which it had not fetched"),
        ("deletes-half-read", "imap", True, "message 2 of bob at someschool.edu, which it had fetched only in part"),
        ("fetches-nothing", "imap", False, "message 1 of bob at someschool.edu, which it had not fetched"),
        ("passes-over-what-is-large", "pop3", False, "message 2 of bob at someschool.edu, which it had not fetched"),
    ],
    ids=["by-header", "step-unread", "step-preview", "person-unread", "too-large"],
)
def test_whether_a_reader_was_told_to_delete_is_not_judged(
    way: str, protocol: str, by_step: bool, told: str, tmp_path: Path
) -> None:
    """A person deletes what he likes, and fetchmail what is too large for it; only who moves mail else loses it."""
    outcome = read(way, protocol, tmp_path, by_step=by_step)
    assert outcome.result is Result.HELD, why(outcome)
    assert any(f"bob.someschool.edu deleted {told}" in one.why for one in outcome.not_judged), outcome.not_judged
