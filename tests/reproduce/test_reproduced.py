"""``testbed reproduce``: from a capture to a scenario that tells the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.cli import HELD, WRONG_USAGE
from testbed.scenario.load import load
from tests.command import testbed
from tests.conftest import PROJECT

CAPTURES = PROJECT / "captures"

FULL = """\
# Made by 'testbed reproduce' from mailbox-full.pcapng, whose frames are named behind what they show.

title: "Mailbox full: mail is taken at the third try"

faults:
  - {at: someschool.edu, on: RCPT, reply: 452 4.2.2 Mailbox full, times: 2}  # frames 50, 77

steps:
  - send: {to: bob@someschool.edu}  # frame 6
  - wait: 1h 31m

expect:
  - attempts: {from: crepes.fr, to: someschool.edu, count: 3}  # frames 38, 65, 95
  - reply: {from: someschool.edu, on: RCPT, code: 452 4.2.2, count: 2}  # frames 50, 77
  - delivered: {to: bob@someschool.edu}  # frame 112
"""


def test_it_is_what_a_person_would_write() -> None:
    done = testbed("reproduce", "--no-play", CAPTURES / "mailbox-full.pcapng")
    assert (done.returncode, done.stdout) == (HELD, FULL), done.stderr


@pytest.mark.lab
def test_it_is_played_and_said_how_far_that_went(tmp_path: Path) -> None:
    """The scenario goes into a file; it is one that 'testbed check' passes."""
    made = tmp_path / "scenario.yaml"
    done = testbed("reproduce", CAPTURES / "reset-after-final-dot.pcapng", "-o", made)
    assert (done.returncode, done.stdout) == (HELD, ""), done.stderr
    assert done.stderr.startswith("same (natural)")
    assert load(made).faults


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "CAPTURE"),
        (("README.md",), "not a pcap or pcapng file"),
        (("captures/delivered.pcapng", "--connection", "99"), "no connection 99"),
        (("captures/delivered.pcapng", "--filter", "service=dns"), "no mail is handed over"),
        (("captures/delivered.pcapng", "--filter", "sort=dns"), "sort"),
    ],
)
def test_wrong_usage(options: tuple[str, ...], complaint: str) -> None:
    done = testbed("reproduce", "--no-play", *options)
    assert (done.returncode, complaint in done.stderr) == (WRONG_USAGE, True), done.stderr
