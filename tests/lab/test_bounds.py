"""What a lab, and the judging of it, may take up: time, trace, memory."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from testbed.allowance import Overspent, allowance
from testbed.lab import run
from testbed.lab_process import Bounds
from testbed.outcome import Result, conclude
from testbed.played import Played
from testbed.protocols.header import MAX_HEADER_OCTETS
from testbed.runner import Runner
from testbed.scenario.load import parse
from testbed.scenario.scenario import Scenario
from testbed.trace.inspect import inspect

Tell = Callable[[str], None]
MAIL = """
title: Mail is delivered
steps: [{send: {to: bob@someschool.edu}}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""
MANY_MAILS = f"""
title: Many mails are delivered
steps: [{", ".join(["{send: {to: bob@someschool.edu}}"] * 40)}]
expect: [{{delivered: {{to: bob@someschool.edu}}}}]
"""
MANY_TRIES = """
title: A relay tries every second for years
hosts: {crepes.fr: {retry: 1s, give_up: 3650d}}
faults: [{host: someschool.edu, is: refused}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 3650d}]
expect: [{attempts: {to: someschool.edu, at_least: 1}}]
"""


def played(text: str, folder: Path, lab: Callable[[Scenario, BinaryIO, Tell], None] = run, **limits: object) -> Played:
    """One lab, alone."""
    [one] = Runner(lab, jobs=1, **limits).run([(parse(text), folder / "trace.pcapng")])  # type: ignore[arg-type]
    return one


def compute_for_ever() -> None:
    while True:
        pass


@pytest.mark.parametrize("swallows", [False, True])
def test_work_that_overspends_is_ended_even_if_it_does_not_listen_at_once(swallows: bool) -> None:
    heard = 0

    def work() -> None:
        nonlocal heard
        while True:
            try:
                compute_for_ever()
            except Overspent:
                heard += 1
                if not swallows or heard == 2:
                    raise

    with pytest.raises(Overspent), allowance(0.01):
        work()
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_judging_may_take_what_the_lab_has_left_of_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.outcome._LEAST_S", 0.001)
    lab = played(MANY_TRIES, tmp_path, time_limit_s=1.5)
    assert lab.error == "the lab was stopped after 2 s of real time"
    outcome = conclude(lab, 1.5)
    assert (outcome.result, outcome.analysis, outcome.played.error) == (Result.ERROR, None, lab.error)
    lab = played(MANY_MAILS, tmp_path)
    outcome = conclude(lab, lab.seconds)
    assert outcome.result is Result.ERROR
    assert outcome.played.error.startswith("judging was stopped: together with its lab it took more than ")
    assert conclude(lab, 30.0).result is Result.HELD


def test_a_lab_whose_trace_grows_too_long_writes_what_it_has(tmp_path: Path) -> None:
    lab = played(MANY_TRIES, tmp_path, bounds=Bounds(trace=1 << 20, memory=4 << 30))
    assert lab.error == "the lab was stopped: its trace has more than 1 MiB"
    assert lab.trace is not None
    assert "interrupted" in inspect(lab.trace).log[-1].message


def test_a_lab_that_takes_too_much_memory_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Tell) -> None:
        bytearray(1 << 30)

    assert (
        played(MAIL, tmp_path, lab, bounds=Bounds(trace=1 << 30, memory=1 << 28)).error
        == "the lab was stopped: it takes more than 256 MiB of memory"
    )


def test_who_ended_while_somebody_else_was_judged_is_not_late(tmp_path: Path) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Tell) -> None:
        trace.write(b"x")

    ended = []
    for one in Runner(lab, jobs=2, time_limit_s=0.5).run([(parse(MAIL), tmp_path / name) for name in "abcd"]):
        ended.append(one.error)
        with pytest.raises(Overspent), allowance(0.6):
            compute_for_ever()
    assert ended == [""] * 4


def test_a_message_is_known_however_long_its_header(tmp_path: Path) -> None:
    host = f"{'x' * 60}.{'y' * 60}.{'z' * 60}.edu"
    boxes = [f"{number:060}" for number in range(300)]
    to = ", ".join(f"'{box}@{host}'" for box in boxes)
    assert 65_536 < len(to) < MAX_HEADER_OCTETS
    text = f"""
title: T
hosts: {{{host}: {{mailboxes: {[*boxes]}}}}}
steps: [{{send: {{to: [{to}]}}}}]
expect: [{{delivered: {{to: {boxes[0]}@{host}}}}}]
"""
    outcome = conclude(played(text, tmp_path))
    assert outcome.result is Result.HELD


@pytest.mark.cpu_seconds(10)  # where each recipient costs a look at all the others it takes much longer
def test_judging_costs_no_more_for_each_of_many_recipients(tmp_path: Path) -> None:
    boxes = [f"u{number}" for number in range(1_500)]
    text = f"""
title: T
hosts: {{someschool.edu: {{mailboxes: {boxes}}}}}
steps: [{{send: {{to: {[f"{box}@someschool.edu" for box in boxes]}}}}}]
expect: [{{delivered: {{to: u0@someschool.edu}}}}]
"""
    outcome = conclude(played(text, tmp_path, time_limit_s=300.0))
    assert outcome.result is Result.HELD
    assert outcome.judgement is not None
    assert outcome.judgement.mail[-1].why == "3,000 promises kept"
