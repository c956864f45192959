"""Scenario files are tests of pytest: which files, their names, how they fail, and other plugins."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.pytest_plugin.conftest import GREEN, RED, Run, Write

pytest_plugins = ["pytester"]

FOREIGN = {
    "compose.yaml": "services:\n  mail: {image: mail}\n",
    "runbook.yml": "title: What to do at night\nsteps: [sleep]\n",
    "nested.yaml": "a:\n  title: x\n  steps: []\n  expect: []\n",
    "list.yaml": "- title\n- steps\n- expect\n",
    "broken.yaml": "{{ template }}: [\n",
    "octets.yaml": "\x00\x01",
    "empty.yaml": "",
    "table.json": '{"title": 1, "steps": 2, "expect": 3}',
}


def test_files_that_are_no_scenarios_are_left_alone(run: Run, write: Write) -> None:
    for name, text in FOREIGN.items():
        write(f"config/{name}", text)
    result = run("config")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*collected 0 items*"])


def test_it_loads_nothing_where_there_is_no_scenario(run: Run, write: Write) -> None:
    write("config.yaml", FOREIGN["compose.yaml"])
    write(
        "test_modules.py",
        "import sys\n\n"
        "def test_nothing_of_ours_is_loaded():\n"
        "    ours = {name for name in sys.modules if name.partition('.')[0] == 'testbed'}\n"
        "    told = {'testbed.scenario', 'testbed.scenario.recognition'}\n"
        "    assert ours == {'testbed', 'testbed.pytest_plugin', *told}\n"
        "    heavy = {'pydantic', 'numpy', 'scapy', 'ruamel', 'rich', 'aiosmtpd', 'dns', 'cryptography', 'asyncio'}\n"
        "    assert not heavy & set(sys.modules)\n",
    )
    run("-p", "no:xdist").assert_outcomes(passed=1)


def test_a_test_for_each_case_by_its_title(run: Run, write: Write) -> None:
    write("scenarios/full.yaml", RED)
    write("scenarios/cut.yaml", (PROJECT / "scenarios" / "dialogue" / "cut.yaml").read_text())
    write("scenarios/twice.yaml", GREEN + 'about: "$n"\nmatrix: {n: ["1", "2"]}\n')
    result = run("--co", "-q", "scenarios")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "scenarios/cut.yaml::The connection is cut at MAIL (reset)",
            "scenarios/full.yaml::Bob's mailbox is full (quota)",
            "scenarios/full.yaml::Bob's mailbox is full (messages)",
            "scenarios/twice.yaml::Mail is delivered [[]n=1[]]",
            "scenarios/twice.yaml::Mail is delivered [[]n=2[]]",
        ]
    )


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (GREEN.replace("send", "sned"), ["scenarios/x.yaml:3:5: unknown step 'sned' (did you mean 'send'?)"]),
        (GREEN + "hsots: {}\nfaults: {}\n", ["scenarios/x.yaml:6:1: unknown key 'hsots'*", "scenarios/x.yaml:7:9: *"]),
        (GREEN + "hosts: [\n", ["scenarios/x.yaml:6:8: this is not YAML: this '[[]' is not closed"]),
        ("# yaml-language-server: $schema=scenario.schema.json\ntitle: x\n", ["scenarios/x.yaml:*'steps' is missing*"]),
        ("title: x\nlike: nowhere.yaml\nexpect: []\n", ["scenarios/x.yaml:2:7: nowhere.yaml: there is no such file*"]),
    ],
    ids=["unknown word", "two mistakes", "no YAML", "by its schema line", "like nothing"],
)
def test_a_broken_scenario_is_an_error_with_its_place(run: Run, write: Write, text: str, places: list[str]) -> None:
    write("scenarios/x.yaml", text)
    result = run("scenarios")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting scenarios/x.yaml*", *places])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_file_that_is_named_is_a_scenario_whatever_it_holds(run: Run, write: Write) -> None:
    write("x.yaml", FOREIGN["runbook.yml"])
    run("x.yaml").stdout.fnmatch_lines(["x.yaml:1:1: 'expect' is missing*", "x.yaml:2:9: *"])


def test_patterns_say_which_files_are_scenarios(run: Run, write: Write) -> None:
    write("pytest.ini", "[pytest]\ntestbed_scenarios = mail/**/*.yaml\n")
    write("mail/deep/green.yaml", GREEN)
    write("other/green.yaml", GREEN)
    result = run("--co", "-q")
    result.stdout.fnmatch_lines(["mail/deep/green.yaml::Mail is delivered"])
    result.stdout.no_fnmatch_line("other*")
    write("pytest.ini", "[pytest]\ntestbed_scenarios = /mail/*.yaml\n")
    run("--co").stderr.fnmatch_lines(["ERROR: testbed_scenarios: patterns are relative to *"])


def test_a_time_limit_is_a_number_of_seconds(run: Run) -> None:
    result = run("-o", "testbed_time_limit=soon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: testbed_time_limit: 'soon' is no number of seconds; write e.g. 60"])


@pytest.mark.lab
def test_a_failure_is_told_by_the_lines_of_the_file(run: Run, write: Write) -> None:
    write("scenarios/full.yaml", RED)
    write("scenarios/green.yaml", GREEN)
    result = run("scenarios", "-k", "quota or delivered")
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "*_ Bob's mailbox is full (quota) _*",
            "scenarios/full.yaml:12: this did not hold",
            "    - attempts:",
            "        to: someschool.edu",
            "        count: 4",
            "expected    attempts to someschool.edu: 4",
            "seen        2 connections were tried",
            "evidence    frames *",
            "the inspector says:",
            "    someschool.edu refused mail for bob@someschool.edu *mailbox full*[[]frame *",
            "trace       *full-quota-1.pcapng",
            "look at it  testbed inspect *full-quota-1.pcapng",
            "FAILED scenarios/full.yaml::Bob's mailbox is full (quota) - line 12: attempts to someschool.edu: 4: 2 c*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")


@pytest.mark.lab
def test_workers_share_the_scenarios_and_tell_as_much(run: Run, write: Write) -> None:
    write("scenarios/full.yaml", RED)
    for name in ("one", "two"):
        write(f"scenarios/{name}/green.yaml", GREEN)
    result = run("-n", "2", "--testbed-keep", "kept", "--junitxml", "out.xml", "scenarios")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["scenarios/full.yaml:12: this did not hold", "FAILED *(quota) - line 12: attempts *"])
    kept = sorted(str(path) for path in Path("kept").rglob("*.pcapng"))
    assert kept == [
        "kept/scenarios/full-messages-1.pcapng",
        "kept/scenarios/full-quota-1.pcapng",
        "kept/scenarios/one/green.pcapng",
        "kept/scenarios/two/green.pcapng",
    ]
    analysis = inspect(kept[0])
    assert analysis.problems == ()
    assert set(analysis.capture.comments) == set(analysis.capture.frame.tolist())


@pytest.mark.lab
def test_junit_has_lines_and_traces(run: Run, write: Write) -> None:
    write("scenarios/full.yaml", "# a comment\n" + RED)
    run("--junitxml", "out.xml", "-o", "junit_family=xunit1", "-k", "quota", "--testbed-keep", "kept")
    [case] = ET.parse("out.xml").iter("testcase")
    assert (case.get("file"), case.get("line")) == ("scenarios/full.yaml", "1")
    assert case.get("name") == "Bob's mailbox is full (quota)"
    [trace] = case.iter("property")
    assert trace.get("name") == "testbed_trace"
    assert Path(str(trace.get("value"))).is_file()
    [failure] = case.iter("failure")
    assert str(failure.get("message")).startswith("line 13: attempts to someschool.edu: 4: 2 connections were tried")
    assert "scenarios/full.yaml:13: this did not hold" in str(failure.text)


@pytest.mark.lab
def test_what_failed_is_run_again_and_one_can_be_named(run: Run, write: Write) -> None:
    write("scenarios/full.yaml", RED)
    write("scenarios/green.yaml", GREEN)
    run("scenarios", "-x").assert_outcomes(failed=1)
    run("scenarios", "-k", "delivered or quota").assert_outcomes(passed=1, failed=1, deselected=1)
    run("scenarios", "--lf").assert_outcomes(failed=1)
    run("scenarios/full.yaml::Bob's mailbox is full (messages)").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("testbed", 3),
        ("not testbed", 0),
        ("testbed(group='wire')", 2),
        ("testbed(file='green.yaml')", 1),
        ("testbed(case='how=quota, limit=1')", 1),
    ],
)
def test_marks_choose_scenarios(run: Run, write: Write, expression: str, count: int) -> None:
    write("scenarios/wire/full.yaml", RED)
    write("scenarios/queue/green.yaml", GREEN)
    result = run("--strict-markers", "--co", "-q", "-m", expression)
    assert len(re.findall(r"^scenarios/\S+::", result.stdout.str(), re.M)) == count


@pytest.mark.loopback
def test_on_the_loopback_of_the_machine_what_needs_a_wire_is_skipped(run: Run, write: Write) -> None:
    write("x.yaml", GREEN)
    write("y.yaml", GREEN + "faults: [{between: [crepes.fr, someschool.edu], packets: SYN, lose: 1}]\n")
    result = run("-rs", "--testbed-network", "host", "x.yaml", "y.yaml")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*y.yaml*packets are changed on a wire (y.yaml:6)"])


@pytest.mark.lab
def test_a_program_that_is_missing_skips_the_scenario(run: Run, write: Write) -> None:
    write("x.yaml", GREEN + "needs: [no-such-program]\n")
    result = run("-rs", "x.yaml")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*x.yaml*it needs no-such-program, not installed here"])


def test_what_a_scenario_needs_can_be_demanded(run: Run, write: Write) -> None:
    write("x.yaml", GREEN + "needs: [no-such-program]\n")
    result = run("--testbed-require-needs", "x.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*it needs no-such-program, not installed here*"])


def test_a_machine_that_runs_no_labs_skips_them(run: Run, write: Write) -> None:
    write("x.yaml", GREEN)
    write("test_x.py", "def test_x(lab):\n    lab()\n")
    write(
        "sitecustomize.py",
        "import os\nreal = os.open\n\n"
        "def opened(path, *rest, **more):\n"
        "    if path == '/dev/net/tun':\n"
        "        raise FileNotFoundError(2, 'No such file or directory', path)\n"
        "    return real(path, *rest, **more)\n\n"
        "os.open = opened\n",
    )
    result = run("-rs", "x.yaml", "test_x.py")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*labs cannot run here: *", "SKIPPED*labs cannot run here: *"])
    demanded = run("--testbed-require-labs", "x.yaml", "test_x.py")
    demanded.assert_outcomes(failed=2)
    demanded.stdout.fnmatch_lines(["*labs cannot run here: *labs are required*"])


@pytest.mark.loopback
def test_the_fixture_heeds_where_labs_are_to_live(run: Run, write: Write) -> None:
    write(
        "test_x.py",
        "def test_x(lab):\n"
        "    with lab() as bed:\n"
        "        bed.send('bob@someschool.edu', subject='Hi')\n"
        "        assert [one['Subject'] for one in bed.messages('bob@someschool.edu')] == ['Hi']\n"
        "    assert bed.analysis.lab.network\n"
        "def test_wire(lab):\n"
        "    lab(faults=[{'between': ['crepes.fr', 'someschool.edu'], 'packets': 'SYN', 'lose': 1}])\n",
    )
    result = run("-rs", "--testbed-network", "host", "test_x.py")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*test_x.py*packets are changed on a wire*"])
    demanded = run("--testbed-network", "host", "--testbed-require-labs", "test_x.py")
    demanded.assert_outcomes(passed=1, failed=1)


@pytest.mark.lab
@pytest.mark.program("sleep")
@pytest.mark.parametrize("how", [("--timeout", "8"), ("-o", "testbed_time_limit=1.5")], ids=["plugin", "own"])
def test_a_scenario_that_takes_too_long_is_stopped_and_its_trace_kept(
    run: Run, write: Write, how: tuple[str, str]
) -> None:
    write("x.yaml", GREEN.replace("steps:", "steps:\n  - run: {command: sleep 60, time_limit: 60s}"))
    result = run(*how, "--testbed-keep", "kept", "x.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*Timeout*" if how[0] == "--timeout" else "*the lab was stopped after 2 s of real time; in the step at line*"]
    )
    result.stdout.fnmatch_lines(["trace *kept/x.pcapng*"])
    assert inspect("kept/x.pcapng").log


@pytest.mark.lab
def test_it_leaves_no_process_behind(run: Run, write: Write) -> None:
    write("x.yaml", GREEN)
    write(
        "conftest.py",
        "import os, pathlib\n\n"
        "def pytest_unconfigure(config):\n"
        "    children = pathlib.Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text()\n"
        "    pathlib.Path('children').write_text(children)\n",
    )
    run("x.yaml").assert_outcomes(passed=1)
    [keeper] = Path("children").read_text().split()
    assert not Path(f"/proc/{keeper}").exists()


@pytest.mark.lab
def test_a_scenario_like_another_points_into_the_right_file(run: Run, write: Write) -> None:
    write(
        "scenarios/full.yaml", RED.replace("$limit", "1").replace("  limit: [1]\n", "").replace("quota, messages", "q")
    )
    steps = "steps:\n  - send: {to: bob@someschool.edu, size: 1 KB}\n  - wait: 40m\n"
    write("scenarios/deep/six.yaml", f"title: The same by IPv6 ($how)\nlike: ../full.yaml\nip: ipv6\n{steps}")
    result = run("scenarios/deep")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["scenarios/full.yaml:11: this did not hold", "    - attempts:"])


@pytest.mark.lab
def test_it_is_seen_from_where_pytest_was_started(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run: Run, write: Write
) -> None:
    write("pytest.ini", "[pytest]\n")
    write("scenarios/full.yaml", RED)
    (pytester.path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    result = run("--rootdir", "..", "../scenarios", "-k", "quota", "--testbed-keep", "kept")
    result.stdout.fnmatch_lines(["../scenarios/full.yaml:12: this did not hold"])
    assert Path("kept/scenarios/full-quota-1.pcapng").is_file()


def test_the_projects_own_tests_have_no_scenarios() -> None:
    assert not [path for suffix in ("yaml", "yml") for path in (PROJECT / "tests").rglob(f"*.{suffix}")]


@pytest.mark.loopback
def test_a_mistake_with_a_lab_shows_the_tests_own_line_and_none_of_ours(run: Run, write: Write) -> None:
    write(
        "test_x.py",
        "def test_scenario(lab):\n    lab(hosts={'crepes.fr': {'role': 'rely'}})\n"
        "def test_service(lab):\n    lab().address('someschool.edu', 'ftp')\n",
    )
    shown = run("--testbed-network", "host", "test_x.py").stdout.str()
    assert re.findall(r"^(\S+):\d+: UsageError", shown, re.M) == ["test_x.py"]
    assert re.findall(r"^(\S+):\d+: ScenarioError", shown, re.M) == ["test_x.py"]
    assert "testbed/" not in "".join(re.findall(r"^\S+\.py:\d+:.*$", shown, re.M))
