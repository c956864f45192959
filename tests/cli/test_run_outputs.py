"""What ``testbed run`` gives a CI pipeline: reports in files, shards, annotated traces."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.cli.choose import share
from testbed.pcap.read import read_capture
from testbed.trace.analysis import ANNOTATION
from testbed.trace.inspect import inspect
from tests.cli.test_commands import RED
from tests.command import testbed
from tests.conftest import PROJECT
from tests.patience import HANG_S, until
from tests.report.test_github import read as read_command
from tests.report.test_junit import check as check_junit
from tests.report.test_tap import read as read_tap

DELIVERED = PROJECT / "scenarios" / "delivered.yaml"

SLOW = """
title: The SYNs are lost, which costs the kernel's real seconds for as long as the lab lives
hosts: {crepes.fr: {retry: 1s}}
faults: [{between: [crepes.fr, someschool.edu], packets: SYN, lose: 100000}]
steps: [{send: {to: bob@someschool.edu}}, {wait: 4d}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""

HOSTILE = """
title: A server whose replies are commands to a CI system
faults:
  - {at: someschool.edu, on: RCPT, reply: "550 ::error file=x::owned ##[error]owned [[ATTACHMENT|/etc/passwd]] %0A::"}
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - reply: {from: someschool.edu, on: RCPT, code: 250}
"""


@pytest.fixture
def red(tmp_path: Path) -> Path:
    scenario = tmp_path / "red.yaml"
    scenario.write_text(RED)
    return scenario


@pytest.mark.lab
def test_all_outputs_at_once(red: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    summary = tmp_path / "summary.md"
    summary.write_text("# What was there before\n")
    shown = testbed(
        "run", "--json", "--github", "--keep", tmp_path / "traces", "--junit", reports / "junit.xml",
        "--tap", reports / "deep" / "run.tap", "--markdown", reports / "run.md", red, DELIVERED,
        GITHUB_STEP_SUMMARY=str(summary), GITHUB_WORKSPACE=str(tmp_path),
    )  # fmt: skip
    assert shown.returncode == 1
    document = json.loads(shown.stdout)
    assert document["totals"] == {"held": 1, "failed": 1, "skipped": 0, "error": 0}
    [failure] = document["scenarios"][0]["failures"]
    assert (failure["file"], failure["line"]) == (str(red), 5)
    assert failure["written"] == ["- bounced: {to: alice@crepes.fr}"]
    trace = tmp_path / "traces" / "red.pcapng"
    assert document["scenarios"][0]["look"] == f"testbed inspect {trace}"
    root = check_junit((reports / "junit.xml").read_text())
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert f"[[ATTACHMENT|{trace}]]" in (root.findtext(".//system-out") or "")
    _, points, _ = read_tap((reports / "deep" / "run.tap").read_text())
    assert [point.ok for point in points] == [False, True]
    assert "1 of 2 scenarios did not hold" in (reports / "run.md").read_text()
    assert summary.read_text() == "# What was there before\n" + (reports / "run.md").read_text()
    [stop, resume, command] = shown.stderr.splitlines()
    assert stop == f"::stop-commands::{resume.strip(':')}"
    assert read_command(command)[1] == {"file": "red.yaml", "line": "5", "title": "Nobody bounces"}


@pytest.mark.lab
@pytest.mark.parametrize("option", ["--junit", "--tap", "--markdown"])
def test_each_may_go_to_standard_output(option: str) -> None:
    shown = testbed("run", option, "-", DELIVERED)
    assert shown.returncode == 0
    assert shown.stdout.startswith({"--junit": "<?xml", "--tap": "TAP version 14\n", "--markdown": "## ✅"}[option])
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--junit", "docs"], "docs: the report cannot be written: it is a folder"),
        (["--tap", "README.md/run.tap"], "README.md/run.tap: the report cannot be written: README.md is not a folder"),
        (["--junit", "scenarios/delivered.yaml"], "--junit scenarios/delivered.yaml would write over a scenario"),
        (["--junit", "a.out", "--tap", "./a.out"], "--junit and --tap name the same file"),
        (["--json", "--tap", "-"], "--json and --tap - all want standard output; name a file for --tap"),
        (["--shard", "0/5"], "'0/5' is not a shard; write K/N with K from 1 to N, such as 2/5"),
        (["--shard", "6/5"], "'6/5' is not a shard"),
        (["--shard", "x"], "'x' is not a shard"),
        (["--shard", "1/"], "'1/' is not a shard"),
        (["--shard", "-1/5"], "argument --shard"),
        (["-k", "no such word"], "no scenario has 'no such word' in its file, title or case"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_told_before_anything_is_played(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    shown = testbed("run", "--keep", tmp_path / "keep", *arguments, "scenarios")
    assert shown.returncode == 2
    assert complaint in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not (tmp_path / "keep").exists()


def test_a_summary_that_cannot_be_written_is_told_too(tmp_path: Path) -> None:
    shown = testbed("run", "--github", DELIVERED, GITHUB_STEP_SUMMARY=str(tmp_path))
    assert (shown.returncode, shown.stdout) == (2, "")
    assert f"{tmp_path}: the report cannot be written: it is a folder" in shown.stderr


@pytest.mark.lab
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told_and_the_others_are_written(tmp_path: Path) -> None:
    shown = testbed("run", "--junit", "/dev/full", "--tap", tmp_path / "run.tap", DELIVERED)
    assert shown.returncode == 3
    why = "no space left on device; free some space there, or name another place"
    assert shown.stderr == f"error: /dev/full: the report cannot be written: {why}\n"
    assert read_tap((tmp_path / "run.tap").read_text())[0] == "1..1"


@pytest.mark.lab
def test_github_obeys_no_reply(tmp_path: Path) -> None:
    evil = tmp_path / "evil.yaml"
    evil.write_text(HOSTILE)
    shown = testbed("run", "-v", "--github", "--junit", tmp_path / "junit.xml", evil, GITHUB_STEP_SUMMARY="")
    assert shown.returncode == 1
    first, *lines = shown.stdout.splitlines()
    token = first.removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert any(r"#\x23[error]owned" in line for line in lines[:end])
    assert not any("##[" in line for line in lines[:end])
    assert [read_command(line)[0] for line in lines[end + 1 :]] == ["error"]
    attached = re.findall(r"\[\[ATTACHMENT\|(.*?)\]\]", (tmp_path / "junit.xml").read_text())
    assert [Path(path).name for path in attached] == ["evil.pcapng"]


# Runs that end before their time


@pytest.mark.lab
def test_an_interrupted_run_gives_whole_reports_of_what_there_is(tmp_path: Path) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed", "run", "-j", "1", "--keep", tmp_path / "keep", "--junit", tmp_path / "r.xml",
         "--tap", tmp_path / "r.tap", "--markdown", tmp_path / "r.md", DELIVERED, slow, PROJECT / "scenarios" / "dns"],
        cwd=PROJECT, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().endswith("scenarios  1 held\n")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: _listens_on_25(children))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert re.search(r"\n\d+ scenarios not played\n$", output)
    cases = list(check_junit((tmp_path / "r.xml").read_text()).iter("testcase"))
    reasons = [found.get("message") for case in cases if (found := case.find("skipped")) is not None]
    assert len(reasons) == len(cases) - 1
    assert reasons[0] == "interrupted; the trace so far is kept"
    assert set(reasons[1:]) == {"the run was interrupted before its turn"}
    assert cases[1].findtext("system-out", "").endswith(f"[[ATTACHMENT|{tmp_path / 'keep' / 'slow.pcapng'}]]")
    plan, points, bail = read_tap((tmp_path / "r.tap").read_text())
    assert (plan, len(points), bail) == (f"1..{len(cases)}", len(cases), "interrupted")
    assert "**The run was interrupted.**" in (tmp_path / "r.md").read_text()


def _listens_on_25(children: Path) -> bool:
    try:
        [lab] = children.read_text().split()
        return ":0019 00000000:0000 0A" in Path(f"/proc/{lab}/net/tcp").read_text()
    except (ValueError, OSError):
        return False


@pytest.mark.lab
def test_a_lab_that_died_is_an_error_and_the_others_are_judged(tmp_path: Path) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(SLOW)
    shown = testbed("run", "--time-limit", "2", "--junit", tmp_path / "r.xml", slow, DELIVERED)
    assert shown.returncode == 3
    died, good = check_junit((tmp_path / "r.xml").read_text()).iter("testcase")
    found = died.find("error")
    assert found is not None
    stopped = "the lab was stopped after 2 s of real time; in the step at line 5 (4 d pass)"
    assert found.get("message") == f"the lab runs to its end: {stopped}"
    assert len(good) == 0


@pytest.mark.lab
def test_fail_fast_ends_at_the_first_that_is_red(red: Path, tmp_path: Path) -> None:
    shown = testbed("run", "-x", "-j", "1", "--tap", tmp_path / "r.tap", red, DELIVERED)
    assert shown.returncode == 1
    assert shown.stdout.endswith("\n1 scenario not played\n")
    _, [first, second], _ = read_tap((tmp_path / "r.tap").read_text())
    assert not first.ok
    assert second.reason == "the run ended at the first that was red (--fail-fast)"


# Shares


@given(st.integers(0, 400), st.integers(1, 60))
def test_shards_are_disjoint_complete_and_of_one_size(scenarios: int, total: int) -> None:
    everything = list(range(scenarios))
    shards = [share(everything, (number, total)) for number in range(1, total + 1)]
    assert sorted(item for shard in shards for item in shard) == everything
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert all(after - before == total for shard in shards for before, after in pairwise(shard))


@pytest.mark.lab
def test_shards_play_all_there_is(tmp_path: Path) -> None:
    names = []
    for number in (1, 2, 3):
        document = json.loads(testbed("run", "--json", "--shard", f"{number}/3", "scenarios/queue").stdout)
        assert document["shard"] == f"{number}/3"
        names += [(scenario["file"], scenario["case"]) for scenario in document["scenarios"]]
    whole = json.loads(testbed("run", "--json", "scenarios/queue").stdout)["scenarios"]
    assert len(set(names)) == len(names)
    assert set(names) == {(scenario["file"], scenario["case"]) for scenario in whole}


@pytest.mark.lab
def test_a_trace_has_the_same_name_in_every_shard(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.yaml").write_text(DELIVERED.read_text())
    assert testbed("run", "--shard", "2/2", "--keep", tmp_path / "keep", tmp_path / "a", tmp_path / "b").returncode == 0
    assert [file.name for file in (tmp_path / "keep").iterdir()] == ["same-2.pcapng"]


def test_an_empty_shard_is_no_failure(tmp_path: Path) -> None:
    shown = testbed("run", "--shard", "2/2", "--junit", tmp_path / "r.xml", "--tap", tmp_path / "r.tap", DELIVERED)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "shard 2/2 is empty: there are fewer scenarios than shards\n"
    assert len(check_junit((tmp_path / "r.xml").read_text())) == 0
    assert read_tap((tmp_path / "r.tap").read_text())[0] == "1..0 # no scenario in shard 2/2"


@pytest.mark.lab
def test_a_word_chooses_scenarios() -> None:
    chosen = json.loads(testbed("run", "--json", "-k", "SERVFAIL", "scenarios/dns").stdout)["scenarios"]
    assert chosen
    assert all("SERVFAIL" in scenario["title"] + (scenario["case"] or "") for scenario in chosen)


# Traces


@pytest.mark.lab
def test_kept_traces_are_annotated_and_say_the_same(tmp_path: Path) -> None:
    shown = testbed("run", "--json", "--keep", tmp_path, "scenarios/mailbox-full.yaml")
    [scenario] = json.loads(shown.stdout)["scenarios"]
    assert [file.name for file in tmp_path.iterdir()] == ["mailbox-full.pcapng"]
    trace = Path(scenario["trace"])
    comments = read_capture(trace).comments
    analysis = inspect(trace)
    for packet in analysis.packets():
        assert any(comment.startswith(ANNOTATION) for comment in comments[packet.frame])
    assert [list(finding.frames) for finding in analysis.findings] == [f["frames"] for f in scenario["findings"]]
    before = trace.read_bytes()
    assert testbed("inspect", "-o", tmp_path / "again.pcapng", trace).returncode == 0
    assert (tmp_path / "again.pcapng").read_bytes() == before
