"""A scenario played and judged from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import NotHeld, TestbedError, check, play
from testbed.outcome import Result
from tests.conftest import PROJECT

FULL = PROJECT / "scenarios" / "mailbox-full.yaml"
SEND = {"send": {"to": "bob@someschool.edu"}}


@pytest.mark.lab
def test_a_file_is_played_and_judged(tmp_path: Path) -> None:
    outcome = play(FULL, keep=tmp_path)
    assert outcome.result is Result.HELD
    assert outcome.played.trace == tmp_path / "mailbox-full.pcapng"
    assert outcome.analysis is not None
    assert "mailbox-full" in {finding.code for finding in outcome.analysis.findings}
    check(outcome)
    assert play(FULL, keep=tmp_path).played.trace == tmp_path / "mailbox-full-2.pcapng"


@pytest.mark.lab
def test_one_made_in_code_and_what_did_not_hold() -> None:
    outcome = play(steps=[SEND], expect=[{"delivered": {"to": "bob@someschool.edu", "copies": 2}}])
    assert outcome.result is Result.FAILED
    with pytest.raises(NotHeld, match=r"(?s)copies: 2.*seen +1 copy of .* arrived, expected 2"):
        check(outcome)


@pytest.mark.lab
def test_one_that_takes_too_long_is_an_error() -> None:
    outcome = play(steps=[{"run": {"command": "sleep 60", "time_limit": "60s"}}], time_limit_s=1)
    assert outcome.result is Result.ERROR
    with pytest.raises(NotHeld, match="the lab was stopped after 1 s of real time"):
        check(outcome)


def test_one_that_lacks_a_program_is_skipped() -> None:
    outcome = play(needs=["no-such-program"], steps=[SEND])
    assert outcome.result is Result.SKIPPED
    with pytest.raises(NotHeld, match="it needs no-such-program"):
        check(outcome)


def test_a_wrong_one_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("title: x\n")
    with pytest.raises(TestbedError, match=r"x.yaml:1:1: 'steps' is missing"):
        play(file)


@pytest.mark.loopback
def test_what_is_needed_can_be_demanded() -> None:
    outcome = play(needs=["no-such-program"], steps=[SEND], require_needs=True)
    assert outcome.result is Result.ERROR
    with pytest.raises(NotHeld, match="it needs no-such-program"):
        check(outcome)


def test_on_the_loopback_of_the_machine_what_needs_a_wire_is_skipped() -> None:
    outcome = play(FULL, network="host")
    assert outcome.result is Result.HELD
    assert outcome.analysis is not None
    assert outcome.analysis.lab is not None
    assert outcome.analysis.lab.network
    assert (
        "needs a private network" in play(PROJECT / "scenarios" / "syn-lost-twice.yaml", network="host").played.skipped
    )


def test_there_are_no_other_networks() -> None:
    with pytest.raises(TestbedError, match="no network 'public'; it is auto, private or host"):
        play(FULL, network="public")
