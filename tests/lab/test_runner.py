"""Labs die cleanly: with the runner, at Ctrl-C, at their time limit; and one never takes others along."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from testbed.errors import LabError
from testbed.interruption import TIME_IS_UP
from testbed.lab import run
from testbed.outcome import Result, conclude
from testbed.played import Played
from testbed.runner import Runner
from testbed.scenario.load import parse
from testbed.scenario.scenario import Scenario
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.patience import HANG_S, until
from tests.scenarios import SCENARIOS

SLOW = """
title: The SYNs are lost, which costs the kernel's real seconds for as long as the lab lives
hosts: {crepes.fr: {retry: 1s}}
faults: [{between: [crepes.fr, someschool.edu], packets: SYN, lose: 100000}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 4d}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""

QUICK = """
title: Mail is delivered
steps: [{send: {to: bob@someschool.edu}}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""


def _start(tmp_path: Path) -> subprocess.Popen[str]:
    """``testbed run`` on the slow scenario, returned as soon as its lab sends mail."""
    scenario = tmp_path / "slow.yaml"
    scenario.write_text(SLOW)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONUNBUFFERED": "1"}
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed", "run", str(scenario), "--keep", str(tmp_path / "keep")],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: bool(_children(process.pid)))
    [lab] = _children(process.pid)
    until(lambda: ":0019 00000000:0000 0A" in Path(f"/proc/{lab}/net/tcp").read_text())  # a server listens on port 25
    return process


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.mark.lab
def test_killing_the_runner_leaves_nothing(tmp_path: Path) -> None:
    process = _start(tmp_path)
    [lab] = _children(process.pid)
    namespace = os.readlink(f"/proc/{lab}/ns/net")
    process.kill()
    process.wait()
    until(lambda: not Path(f"/proc/{lab}").exists() or "Z" in Path(f"/proc/{lab}/stat").read_text().split()[2])
    alive = [p for p in Path("/proc").glob("[0-9]*/ns/net") if _link(p) == namespace]
    assert alive == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "keep").exists()


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


@pytest.mark.lab
def test_ctrl_c_keeps_the_trace_so_far(tmp_path: Path) -> None:
    process = _start(tmp_path)
    [lab] = _children(process.pid)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert not Path(f"/proc/{lab}").exists()
    assert "interrupted; the trace so far is kept" in output
    analysis = inspect(tmp_path / "keep" / "slow.pcapng")
    assert analysis.problems == ()
    assert "interrupted" in analysis.log[-1].message


@pytest.mark.lab
def test_a_lab_over_its_time_writes_what_it_has(tmp_path: Path) -> None:
    [played] = Runner(run, jobs=1, time_limit_s=1.0).run([(parse(SLOW), tmp_path / "trace.pcapng")])
    assert played.error == "the lab was stopped after 1 s of real time"
    assert played.trace is not None
    assert "time is up" in inspect(played.trace).log[-1].message


@pytest.mark.parametrize(("trace", "result"), [("delivered", Result.HELD), ("broken-off", Result.ERROR)])
def test_a_lab_that_came_to_its_end_late_is_judged(trace: str, result: Result, tmp_path: Path) -> None:
    """Nothing is missing in the trace of one that was asked to end when it was closing."""
    whole = PROJECT / "captures" / "delivered.pcapng"
    broken_off = tmp_path / "broken-off.pcapng"
    broken_off.write_bytes(whole.read_bytes()[:-1_000])
    [scenario] = [scenario for scenario in SCENARIOS if scenario.name == "delivered"]
    error = "the lab was stopped after 30 s of real time"
    file = {"delivered": whole, "broken-off": broken_off}[trace]
    outcome = conclude(Played(scenario, file, 31.0, error=error, cause=error, by_program=True))
    assert outcome.result is result
    assert (outcome.played.error == "") == (result is Result.HELD)


@pytest.mark.lab
def test_a_lab_that_takes_too_long_is_stopped_and_others_go_on(tmp_path: Path) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
        if scenario.title.startswith("The SYNs"):
            signal.signal(TIME_IS_UP, signal.SIG_IGN)
            while True:
                signal.pause()
        run(scenario, trace, tell)

    work = [(parse(text), tmp_path / f"{n}.pcapng") for n, text in enumerate((SLOW, QUICK))]
    ended = {
        played.scenario.title.partition(",")[0]: played for played in Runner(lab, jobs=2, time_limit_s=2.0).run(work)
    }
    assert ended["The SYNs are lost"].error == "the lab was stopped after 2 s of real time"
    assert ended["Mail is delivered"].error == ""


@pytest.mark.parametrize(
    ("deed", "error", "no_lab"),
    [
        (LabError("no TUN here; get one"), "no TUN here; get one", True),
        (ZeroDivisionError("ouch"), "ZeroDivisionError: ouch", False),
        (SystemExit(5), "SystemExit: 5", False),
    ],
    ids=["a lab that cannot be run", "a crash", "an exit"],
)
def test_how_a_lab_died_is_told(tmp_path: Path, deed: BaseException, error: str, no_lab: bool) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
        tell("about to fail")
        raise deed

    heard: list[str] = []
    runner = Runner(lab, jobs=1, on_progress=lambda scenario, line: heard.append(line))
    [played] = runner.run([(parse(QUICK), tmp_path / "trace.pcapng")])
    assert played.error.endswith(error)
    assert played.no_lab is no_lab
    assert played.trace is None
    assert heard == ["about to fail"]


def test_a_lab_killed_from_outside_is_an_error(tmp_path: Path) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    [played] = Runner(lab, jobs=1).run([(parse(QUICK), tmp_path / "trace.pcapng")])
    assert played.error == "the lab died with status -9"


@pytest.mark.parametrize("number", [signal.SIGTERM, TIME_IS_UP])
def test_a_lab_that_is_told_to_end_when_it_has_ends_as_it_did(tmp_path: Path, number: signal.Signals) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
        try:
            run(scenario, trace, tell)
        finally:
            os.kill(os.getpid(), number)

    labs = [(parse(text), tmp_path / f"{turn}.pcapng") for turn, text in enumerate((QUICK, PROGRAM, QUICK))]
    held, failed, held_again = [played.error for played in Runner(lab, jobs=1).run(labs)]
    assert (held, held_again) == ("", "")
    assert "the program 'true' ended with status 0" in failed


PROGRAM = """
title: A program plays the relay
hosts: {crepes.fr: {role: relay, command: "true"}}
steps: [{send: {to: bob@someschool.edu}}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""


LABS = [(parse(text), Path("nowhere")) for text in (PROGRAM, QUICK, PROGRAM, QUICK, PROGRAM, PROGRAM)]


def test_where_programs_are_hosts_labs_wait_beside_those_that_compute() -> None:
    meeting = multiprocessing.get_context("fork").Barrier(len(LABS))

    def lab(scenario: Scenario, trace: BinaryIO, say: Callable[[str], None]) -> None:
        meeting.wait(20)

    assert [played.error for played in Runner(lab, jobs=2).run(LABS)] == [""] * len(LABS)


def test_one_at_a_time_means_one() -> None:
    before = set(_children(os.getpid()))

    def lab(scenario: Scenario, trace: BinaryIO, say: Callable[[str], None]) -> None:
        labs = set(_children(os.getppid())) - before  # those that have ended, too, until the runner has seen it
        assert labs == {os.getpid()}

    assert [played.error for played in Runner(lab, jobs=1).run(LABS)] == [""] * len(LABS)


def _own(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
    """Leaves the number of its process as its trace."""
    trace.write(str(os.getpid()).encode())
    if scenario.title == "It breaks off":
        raise LabError("no more")


def _process_of(played: Played) -> tuple[int, int]:
    """Of the lab, and of whoever makes this account."""
    assert played.trace is not None
    return int(played.trace.read_text()), os.getpid()


BROKEN = QUICK.replace("Mail is delivered", "It breaks off")


@pytest.mark.parametrize(
    ("texts", "processes"),
    [
        pytest.param([QUICK, QUICK, QUICK], [0, 0, 0], id="while all goes well"),
        pytest.param([QUICK, BROKEN, QUICK, QUICK], [0, 0, 1, 1], id="none after one that failed"),
        pytest.param([QUICK, PROGRAM, PROGRAM, QUICK], [0, 1, 2, 3], id="none before or after programs of the user's"),
    ],
)
def test_labs_in_a_row_share_a_process(texts: list[str], processes: list[int], tmp_path: Path) -> None:
    work = [(parse(text), tmp_path / f"{number}.pcapng") for number, text in enumerate(texts)]
    told = list(Runner(_own, jobs=1).accounts(work, _process_of))
    assert all(lab == account for lab, account in told)
    order = {process: number for number, process in enumerate(dict.fromkeys(lab for lab, _ in told))}
    assert [order[lab] for lab, _ in told] == processes
    assert os.getpid() not in order


def test_a_trace_has_nothing_of_the_lab_before(tmp_path: Path) -> None:
    def lab(scenario: Scenario, trace: BinaryIO, tell: Callable[[str], None]) -> None:
        trace.write(b"long" if scenario is first else b"")

    first = parse(QUICK)
    [one, other] = Runner(lab, jobs=1).run([(first, tmp_path / "one"), (parse(QUICK), tmp_path / "other")])
    assert one.trace is not None
    assert one.trace.read_bytes() == b"long"
    assert other.trace is None


def test_the_scenario_of_an_account_is_the_one_that_was_given(tmp_path: Path) -> None:
    scenarios = [parse(QUICK), parse(QUICK)]
    work = [(scenario, tmp_path / str(number)) for number, scenario in enumerate(scenarios)]
    told = Runner(_own, jobs=1).accounts(work, lambda played: [played.scenario])
    assert [one is other for [one], other in zip(told, scenarios, strict=True)] == [True, True]


@pytest.mark.parametrize("end", [lambda: os._exit(1), lambda: 1 / 0], ids=["its process dies", "an exception"])
def test_an_account_that_comes_to_nothing_there_is_made_here(end: Callable[[], object], tmp_path: Path) -> None:
    here = os.getpid()

    def account(played: Played) -> int:
        if os.getpid() != here:
            end()
        return os.getpid()

    work = [(parse(QUICK), tmp_path / name) for name in ("one", "other")]
    assert list(Runner(_own, jobs=1).accounts(work, account)) == [here, here]
