"""Programs of the user's in a lab: output, exit status, limits, and what they can be sure of."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from testbed.cli import main
from testbed.lab.program_output import MAX_LINE
from testbed.lab.program_step import MAX_LINES
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.trace.model.log import of
from tests.lab.test_scenarios import play

SCENARIO = """
title: A program runs
{more}
steps:
  - run: {{command: {command}, time_limit: {limit}}}
expect:
  - exited: {{status: {status}}}
"""


def run(command: str, folder: Path, *, status: int = 0, limit: str = "10s", more: str = "") -> Outcome:
    return play(SCENARIO.format(command=command, status=status, limit=limit, more=more), folder)


def said(outcome: Outcome) -> list[str]:
    assert outcome.analysis is not None
    return [entry.message for entry in of(outcome.analysis.log, events.Said)]


pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("[sh, -c, exit 0]", 0),
        ("[sh, -c, exit 3]", 3),
        ("[sh, -c, kill -9 $$]", 137),
    ],
)
def test_its_exit_status_is_in_the_trace(command: str, status: int, tmp_path: Path) -> None:
    assert run(command, tmp_path, status=status).result is Result.HELD
    assert run(command, tmp_path, status=status + 1).result is Result.FAILED


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (
            "echo no route; exit 9",
            "; sh -c 'echo no route; exit 9' ended with status 9; its last output was 'no route'",
        ),
        ("exit 9", "; sh -c 'exit 9' ended with status 9"),
        ("echo done", ""),
    ],
)
def test_where_nobody_sent_mail_the_program_that_failed_is_told(command: str, why: str, tmp_path: Path) -> None:
    expect = f"steps: [run: {{command: [sh, -c, {command}]}}]\nexpect: [delivered: {{to: bob@someschool.edu}}]"
    outcome = play(f"title: A program sends nothing\n{expect}\n", tmp_path)
    assert outcome.judgement is not None
    [verdict] = outcome.judgement.expectations
    assert verdict.why == f"nobody sent mail to bob@someschool.edu{why}"


def test_its_output_is_logged_by_lines_and_escaped(tmp_path: Path) -> None:
    outcome = run(r"""[printf, 'one\ntwo\r\n\033[31mred\nlast']""", tmp_path)
    assert said(outcome) == ["one", "two", r"\x1b[31mred", "last"]


def test_both_streams_are_its_output(tmp_path: Path) -> None:
    assert said(run("[sh, -c, echo out; echo err >&2]", tmp_path)) == ["out", "err"]


def test_its_output_is_bounded(tmp_path: Path) -> None:
    outcome = run("[sh, -c, 'yes | head -c 2000000; head -c 3000000 /dev/zero']", tmp_path)
    lines = said(outcome)
    assert len(lines) == MAX_LINES + 1
    assert max(map(len, lines)) <= MAX_LINE
    assert lines[-1] == f"(and {5_000_000 - 2 * MAX_LINES} octets more, left out)"


def test_it_is_killed_at_its_limit_with_all_it_started(tmp_path: Path) -> None:
    outcome = run("[sh, -c, 'echo before; sleep 1000 & sleep 1000; echo after']", tmp_path, status=124, limit="300ms")
    assert outcome.result is Result.HELD
    assert said(outcome) == ["before"]


def test_it_does_not_wait_for_what_it_leaves_behind(tmp_path: Path) -> None:
    outcome = run("[sh, -c, 'sleep 1000 & echo done']", tmp_path)
    assert outcome.result is Result.HELD
    assert outcome.played.seconds < 10


def test_it_runs_beside_its_scenario_on_a_host_of_the_labs_name(tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_text("hello\n")
    file = tmp_path / "x.yaml"
    file.write_text(SCENARIO.format(command="[sh, -c, cat hello.txt; hostname]", status=0, limit="10s", more=""))
    outcome = play(file, tmp_path)
    assert said(outcome) == ["hello", "alice.crepes.fr"]
    assert socket.gethostname() != "alice.crepes.fr"


@pytest.mark.parametrize("ip", ["ipv4", "ipv6", "both"])
def test_its_packets_come_from_the_host_it_runs_on(ip: str, tmp_path: Path) -> None:
    outcome = play(
        f"""
title: From somewhere else
ip: {ip}
needs: [python3]
steps:
  - run: {{command: [python3, -c, "import smtplib; smtplib.SMTP('crepes.fr').quit()"], on: someschool.edu}}
expect:
  - connection: {{from: someschool.edu, to: crepes.fr, handshake: complete}}
""",
        tmp_path,
    )
    assert outcome.result is Result.HELD


def test_one_that_is_missing_is_an_error_with_its_place_and_the_remedy(tmp_path: Path) -> None:
    outcome = run("no-such-program --help", tmp_path)
    assert outcome.result is Result.ERROR
    assert outcome.played.error == (
        "scenario.yaml:5: there is no program 'no-such-program' here; install it, or say 'needs: [no-such-program]' "
        "to have the scenario skipped where it is missing"
    )
    assert outcome.analysis is not None  # the trace so far is whole
    assert outcome.analysis.problems == ()


def test_one_that_may_not_be_run_is_an_error(tmp_path: Path) -> None:
    outcome = run("/dev/null", tmp_path)
    assert outcome.played.error == "scenario.yaml:5: the program '/dev/null' cannot be run: permission denied"


def test_what_it_needs_and_is_not_there_skips_the_scenario(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="it needs no-such-program, not installed here"):
        run("no-such-program", tmp_path, more="needs: [sh, no-such-program]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("run: 'echo \"'", "the command cannot be split into words: no closing quotation"),
        ("run: ''", "'command' is empty"),
        ("run: {command: echo, on: nobody.fr}", "there is no host 'nobody.fr'"),
        ("run: {command: echo, time_limit: 1h}", "in real time 'time_limit' must be at most 10min"),
        ("run: {command: echo, time: scenario, time_limit: 31d}", "'time_limit' must be at most"),
        ('run: {command: ["ec\\0ho"]}', "has no NUL in it"),
    ],
)
def test_mistakes(text: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        parse(f"title: x\nsteps:\n  - {text}\nexpect:\n  - exited: {{status: 0}}\n")


def test_an_expectation_of_a_program_nobody_runs_is_a_mistake() -> None:
    with pytest.raises(ScenarioError, match="no step and no host runs a command with 'swaks' in it"):
        parse("title: x\nsteps: [{run: echo}]\nexpect: [{exited: {command: swaks}}]\n")


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ("", 3, "there is no program 'no-such-program' here"),
        ("needs: [no-such-program]", 0, "it needs no-such-program, not installed here"),
    ],
    ids=["missing", "skipped"],
)
def test_what_the_command_line_makes_of_a_missing_program(
    more: str,
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)  # where a missing program is red, unless somebody says otherwise
    file = tmp_path / "x.yaml"
    file.write_text(SCENARIO.format(command="no-such-program", status=0, limit="10s", more=more))
    assert main(["run", str(file), "--keep", str(tmp_path)]) == code
    assert said in capsys.readouterr().out.replace("\n        ", " ")
    assert main(["run", "--json", str(file), "--keep", str(tmp_path)]) == code
    assert said in capsys.readouterr().out
