"""Programs that hang, die, never listen, do not end, or take too much: a verdict with its story, and no error."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from testbed.lab import preload, run
from testbed.net.program_time.library import compiler
from testbed.outcome import Outcome, Result, conclude
from testbed.runner import Runner
from testbed.scenario.load import parse
from tests.command import testbed
from tests.lab.test_scenarios import why

pytestmark = pytest.mark.lab

SERVER = """
import os, signal, socket, sys, time
def serve(port, talk):
    listener = socket.create_server(("", port))
    print("listening on", port, flush=True)
    while True:
        talk(listener.accept()[0])
def smtp(*replies, then=signal.pause):
    def talk(client):
        for reply in replies:
            client.sendall(reply)
            client.recv(65536)
        then()
    return talk
"""


def judged(
    program: str, folder: Path, *, host: str = "someschool.edu", more: str = "", rest: str = "", limit: float = 6.0
) -> Outcome:
    """A lab in which a program of these lines plays a host, inspected and judged."""
    (folder / "program.py").write_text(SERVER + program)
    scenario = parse(
        f"""
title: A program fails
hosts: {{{host}: {{command: [{sys.executable}, {folder}/program.py], listens: 25{more}}}}}
{rest or "steps: [send: {to: bob@someschool.edu}, wait: 2s]"}
expect: [delivered: {{to: bob@someschool.edu}}]
"""
    )
    preload([scenario])
    [played] = Runner(run, jobs=1, time_limit_s=limit).run([(scenario, folder / "trace.pcapng")])
    return conclude(played, limit)


def red(outcome: Outcome) -> dict[str, str]:
    """What is red, by what was demanded."""
    assert outcome.judgement is not None
    return {v.what: v.why for v in (*outcome.judgement.expectations, *outcome.judgement.always) if not v.held}


@pytest.mark.parametrize(
    ("program", "waits_for"),
    [
        ("serve(25, smtp())", "its first words"),
        ("serve(25, smtp(b'220 x\\r\\n'))", "the reply to EHLO"),
        ("serve(25, smtp(b'220 x\\r\\n', b'250 x\\r\\n'))", "the reply to MAIL"),
        ("serve(25, smtp(b'220 x\\r\\n', b'250 x\\r\\n', b'250 x\\r\\n', b'250 x\\r\\n'))", "the reply to DATA"),
        ("serve(25, smtp(*[b'%d x\\r\\n' % n for n in (220, 250, 250, 250, 354)]))", "the reply to message"),
    ],
)
def test_one_that_hangs_is_red_with_what_was_waited_for(program: str, waits_for: str, tmp_path: Path) -> None:
    outcome = judged(program, tmp_path, more=", time: real")
    assert outcome.result is Result.FAILED, why(outcome)
    assert outcome.played.error == ""
    told = red(outcome)
    assert list(told) == ["programs that play servers answer"]
    story = told["programs that play servers answer"]
    assert story.startswith("someschool.edu made crepes.fr wait ")
    assert f" s for {waits_for}, until the lab's time was up after 6 s; the program sleeps; it has used 0." in story
    assert story.endswith("; its last output was 'listening on 25'")


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")
@pytest.mark.parametrize(
    ("program", "story"),
    [
        ("serve(25, smtp())", "5 min for its first words"),
        ("serve(25, smtp(b'220 x\\r\\n', b'250 x\\r\\n'))", "5 min for the reply to MAIL"),
        (
            "serve(25, smtp(b'220 x\\r\\n', b'250 x\\r\\n', b'250 x\\r\\n', b'250 x\\r\\n'))",
            "2 min for the reply to DATA",
        ),
        (
            "serve(25, smtp(*[b'%d x\\r\\n' % n for n in (220, 250, 250, 250, 354)], then=lambda: time.sleep(1e6)))",
            "10 min for the reply to message",
        ),
    ],
)
def test_one_that_hangs_in_scenario_time_is_red_as_well(program: str, story: str, tmp_path: Path) -> None:
    steps = "steps: [send: {to: bob@someschool.edu}, wait: 20m]"
    outcome = judged(program, tmp_path, more=", time: scenario", rest=steps, limit=60.0)
    assert outcome.result is Result.FAILED, why(outcome)
    told = red(outcome)["programs that play servers answer"]
    assert told.startswith(
        f"someschool.edu made crepes.fr wait {story}, until the client gave up; all of the program slept"
    )
    assert told.endswith("; its last output was 'listening on 25'")


SLOW = """
def slow(client):
    for reply, pause in (220, 0), (250, 0), (250, 280), (250, 280), (354, 100), (250, 590):
        time.sleep(pause)
        client.sendall(b"%d x\\r\\n" % reply)
        client.recv(65536)
serve(25, slow)
"""


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")
def test_one_that_answers_within_the_rfcs_time_is_not(tmp_path: Path) -> None:
    steps = "steps: [send: {to: bob@someschool.edu}, wait: 1h]"
    outcome = judged(SLOW, tmp_path, more=", time: scenario", rest=steps, limit=60.0)
    assert red(outcome) == {}, why(outcome)


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")
def test_nor_one_on_whose_connection_a_fault_has_struck(tmp_path: Path) -> None:
    rest = """
faults: [{link: [crepes.fr, someschool.edu], is: down, from: 1m, until: 10m}]
steps: [send: {to: bob@someschool.edu}, wait: 20m]
"""
    outcome = judged(SLOW, tmp_path, more=", time: scenario", rest=rest, limit=60.0)
    assert "programs that play servers answer" not in red(outcome), why(outcome)


IN_VAIN = "programs that play servers listen"
LISTENS = "serve(25, smtp(b'220 x\\r\\n'))"


@pytest.mark.parametrize(
    ("program", "story"),
    [
        (
            "print('loading'); signal.pause()",
            "does not listen on TCP port 25 within 3 s; the program sleeps; it has used 0.",
        ),
        (
            "print('loading'); sys.exit(4)",
            "ended with status 4 before it listened on TCP port 25; its last output was 'loading'",
        ),
        (
            "os.abort()",
            "ended with status 134 before it listened on TCP port 25",
        ),
        (
            "if os.fork(): sys.exit(0)\ntime.sleep(1)\nserve(25, smtp())",
            "ended with status 0 before it listened on TCP port 25; a program must stay in the foreground",
        ),
    ],
    ids=["waits", "exits", "crashes", "forks into the background"],
)
def test_one_that_never_listens_is_red_and_nothing_else_is(program: str, story: str, tmp_path: Path) -> None:
    outcome = judged(program, tmp_path, more=", ready_within: 3s", limit=30.0)
    assert outcome.result is Result.FAILED, why(outcome)
    assert list(red(outcome)) == [IN_VAIN]
    assert red(outcome)[IN_VAIN].startswith(f"someschool.edu: the program {story}")
    assert outcome.judgement is not None
    [expectation] = outcome.judgement.expectations
    assert not expectation.judged
    assert expectation.why.startswith("the lab ended before its steps were over")


def test_one_that_does_not_listen_again_after_a_crash_is_red(tmp_path: Path) -> None:
    outcome = judged(
        f"os.path.exists('{tmp_path}/once') and sys.exit('no room'); open('{tmp_path}/once', 'w')\n{LISTENS}",
        tmp_path,
        rest="faults: [{host: someschool.edu, is: crashed, from: 100ms, until: 200ms}]\n"
        "steps: [wait: 1s, send: {to: bob@someschool.edu}]",
    )
    assert outcome.result is Result.FAILED, why(outcome)
    story = (
        "someschool.edu: the program ended with status 1 before it listened on TCP port 25; "
        "its last output was 'no room'"
    )
    assert red(outcome)[IN_VAIN] == story


def test_one_whose_command_is_not_found_is_an_error(tmp_path: Path) -> None:
    outcome = judged("os.execvp('sh', ['sh', '-c', 'no-such-server'])", tmp_path)
    assert outcome.result is Result.ERROR
    assert "ended with status 127 before it listened on TCP port 25" in outcome.played.error
    assert "no-such-server" in outcome.played.error


QUIET = "steps: [wait: 200ms]"
UNTIL_IT_IS_KILLED = "steps: [wait: 1h]"


def test_one_that_does_not_heed_sigterm_is_red(tmp_path: Path) -> None:
    program = f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{LISTENS}"
    outcome = judged(program, tmp_path, more=", stop_within: 2s", rest=QUIET, limit=30.0)
    told = red(outcome)["programs end when asked to"]
    assert told.startswith("the program of someschool.edu did not end within 2 s after SIGTERM, and was killed; the ")


@pytest.mark.parametrize(
    ("program", "story"),
    [
        (
            "import threading\nthreading.Thread(target=lambda: [print('x' * 9999) for _ in range(10 ** 9)]).start()",
            " MiB, where 16 are allowed, and is killed",
        ),
        ("hoard = [bytearray(b'x') * (1 << 24) for _ in range(1 << 10)]", "of memory"),
    ],
    ids=["output", "memory"],
)
def test_one_that_takes_too_much_is_killed_and_red(
    program: str, story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testbed.lab.program_bounds._MOST_MEMORY", 1 << 28)
    monkeypatch.setattr("testbed.lab.program_bounds._MOST_OUTPUT", 1 << 24)
    outcome = judged(f"print('ready')\n{program}\n{LISTENS}", tmp_path, rest=UNTIL_IT_IS_KILLED, limit=30.0)
    assert outcome.result is Result.FAILED, why(outcome)
    assert story in red(outcome)["programs take no more than they may"]


def test_one_that_fills_its_directory_takes_nobody_elses_room(tmp_path: Path) -> None:
    program = """
try:
    with open(os.environ["TESTBED_DIRECTORY"] + "/fill", "wb", 0) as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 40)
except OSError as error:
    print(error.strerror)
"""
    outcome = judged(f"{program}\n{LISTENS}", tmp_path, rest="steps: [send: {to: alice@crepes.fr}]", limit=30.0)
    assert outcome.played.error == ""


@pytest.mark.parametrize(
    ("command", "code", "verdict", "element", "level"),
    [
        (f"{sys.executable} -c 'raise SystemExit(4)'", 1, "failed", "failure", "error"),
        ("no-such-server", 3, "error", "error", "error"),
        ("sh -c no-such-server", 3, "error", "error", "error"),
    ],
    ids=["fails", "missing", "missing behind a shell"],
)
def test_every_output_tells_a_failure_from_an_error(
    command: str, code: int, verdict: str, element: str, level: str, tmp_path: Path
) -> None:
    file, junit = tmp_path / "x.yaml", tmp_path / "report.xml"
    file.write_text(f"""
title: A program fails
hosts: {{someschool.edu: {{command: "{command}"}}}}
steps: [send: {{to: bob@someschool.edu}}]
expect: [delivered: {{to: bob@someschool.edu}}]
""")
    ended = testbed("run", "--json", "--junit", junit, "--keep", tmp_path, file)
    assert ended.returncode == code, ended.stderr
    [scenario] = json.loads(ended.stdout)["scenarios"]
    assert scenario["verdict"] == verdict
    [failure] = scenario["failures"]
    assert "before it listened on TCP port 25" in failure["why"] or "is not here" in failure["why"]
    [case] = ElementTree.parse(junit).iter("testcase")
    assert [child.tag for child in case if child.tag in ("failure", "error")] == [element]
    assert f"::{level} file=" in testbed("run", "--github", "--keep", tmp_path, file).stdout


def test_one_that_waits_for_a_name_server_that_is_made_silent_is_not_to_blame(tmp_path: Path) -> None:
    """It looks its own name up before it listens."""
    outcome = judged(
        "socket.getaddrinfo('someschool.edu', 25, socket.AF_INET6)\ntime.sleep(60)",
        tmp_path,
        more=", ready_within: 2s",
        rest="faults: [{zone: someschool.edu, answer: silent}]\nsteps: [send: {to: bob@someschool.edu}]",
        limit=30.0,
    )
    assert outcome.judgement is not None
    [verdict] = outcome.judgement.awaited
    assert (verdict.held, verdict.judged) == (True, False), verdict.why
    assert "because of a fault" in verdict.why
