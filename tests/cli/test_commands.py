"""The command line as a stranger meets it: words, exit codes, what goes to which stream."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testbed import __version__
from tests.command import testbed
from tests.conftest import PROJECT
from tests.patience import HANG_S

RED = """
title: Nobody bounces
steps: [{send: {to: bob@someschool.edu}}]
expect:
  - bounced: {to: alice@crepes.fr}
"""


def test_help_shows_every_command_with_examples() -> None:
    shown = testbed("--help")
    assert shown.returncode == 0
    for command in ("run", "inspect", "check", "schema", "doctor"):
        assert f"\n  {command} " in shown.stdout
        detail = testbed(command, "--help")
        assert detail.returncode == 0
        assert f"Usage: testbed {command}" in detail.stdout
        assert "Examples:" in detail.stdout
    assert "\033[" not in shown.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from testbed.cli import main; main(['--help']); "
        "print([m for m in ('numpy', 'scapy', 'aiosmtpd', 'pydantic', 'rich', 'argparse') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert shown.stdout.endswith("[]\n")


MODULE, SCRIPT = [sys.executable, "-m", "testbed"], [Path(sys.executable).with_name("testbed")]


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
def test_version(command: list[str]) -> None:
    shown = subprocess.run([*command, "--version"], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert shown.stdout == f"testbed {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["rnu"], "there is no command 'rnu'; did you mean 'run'?"),
        (["night.pcap.gz"], "there is no command 'night.pcap.gz'; to inspect a capture, use 'testbed inspect night"),
        (["mine.yaml"], "there is no command 'mine.yaml'; to play a scenario, use 'testbed run mine.yaml'"),
        (["completion", "fihs"], "did you mean 'fish'?"),
        (["inspect", "--htm", "a.html", "a.pcap"], "unrecognized arguments: --htm; did you mean '--html'?"),
        (["inspect", "--pakets"], "For help, try 'testbed inspect --help'."),
        (["serve", "mailbox-full"], "mailbox-full: there is no such file or folder; did you mean '@catalogue/mailbox-"),
        (["run"], "the following arguments are required: PATH"),
        (["run", "--jobs", "0", "scenarios"], "'0' is not a whole number from 1 up"),
        (["run", "--time-limit", "never", "scenarios"], "'never' is not a number of seconds above 0"),
        (["run", "--kep", "x", "scenarios"], "unrecognized arguments: --kep"),
        (["run", "--redact", "scenarios"], "only 'testbed inspect' takes --redact: what labs write has invented names"),
        (["diff", "--redact", "a.pcap", "b.pcap"], "with 'testbed inspect --redact -o FILE CAPTURE'"),
        (["run", "no-such-file.yaml"], "no-such-file.yaml: there is no such file or folder"),
        (["check", "docs"], "docs holds no scenario: no file in it ends in .yaml or .yml"),
        (
            ["inspect", "README.md"],
            "this is not a pcap or pcapng file: it begins with 23 20 4d 61 ('# Ma', so it is",
        ),
        (["run", "captures/null-mx.pcapng"], "null-mx.pcapng: this is a capture: 'testbed inspect' explains it, "),
        (["inspect", "no-such-file.pcap"], "no-such-file.pcap: it cannot be read: no such file or directory"),
        (["inspect", "scenarios"], "scenarios holds no capture: no file in it ends in .pcap"),
        (["inspect", "/dev/null"], "/dev/null: this is not a regular file"),
        (["inspect", "-o", "out.pcapng", "a.pcap", "b.pcap"], "--output takes one capture at a time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_in_a_sentence(arguments: list[str], complaint: str) -> None:
    shown = testbed(*arguments)
    assert shown.returncode == 2
    assert complaint in shown.stderr
    assert "Traceback" not in shown.stderr
    assert shown.stdout == ""


def test_without_a_command_it_shows_help_and_fails() -> None:
    shown = testbed()
    assert shown.returncode == 2
    assert "Usage: testbed COMMAND" in shown.stdout


def test_check_names_every_mistake_with_its_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("title: x\nsteps:\n  - wiat: 40m\n  - wait: soon\nexpect: [{queued: {at: crepes.fr}}]\n")
    shown = testbed("check", bad)
    assert shown.returncode == 2
    assert f"{bad}:3:5: unknown step 'wiat' (did you mean 'wait'?)" in shown.stderr
    assert f"{bad}:4:11: 'soon' is not a duration" in shown.stderr


def test_check_accepts_the_shipped_scenarios() -> None:
    shown = testbed("check", "scenarios")
    assert shown.returncode == 0
    assert re.search(r"\n\d+ scenarios, no mistakes\n$", shown.stdout)


def test_the_schema_in_the_docs_is_the_one_printed() -> None:
    printed = testbed("schema").stdout
    assert json.loads(printed)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (PROJECT / "docs" / "scenario.schema.json").read_text() == printed, "write it again with 'make docs'"


def test_doctor_says_whether_labs_can_run() -> None:
    shown = testbed("doctor")
    assert shown.returncode == (0 if "Labs can run here" in shown.stdout else 3)
    for name in ("TUN device", "private network", "loopback", "live capture", "tshark"):
        assert name in shown.stdout


@pytest.mark.lab
def test_run_json_is_machine_readable(tmp_path: Path) -> None:
    red = tmp_path / "red.yaml"
    red.write_text(RED)
    shown = testbed("run", "--json", "--keep", tmp_path / "keep", "scenarios/delivered.yaml", red)
    assert shown.returncode == 1
    document = json.loads(shown.stdout)
    first, second = document["scenarios"]
    assert (first["file"], first["title"], first["verdict"]) == (
        "scenarios/delivered.yaml",
        "Mail is delivered",
        "held",
    )
    assert (second["file"], second["verdict"]) == (str(red), "failed")
    assert Path(first["trace"]).read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    [expectation] = second["expectations"]
    assert not expectation["held"]
    assert expectation["line"] == 5
    assert all(check["held"] for check in second["checks"])


@pytest.mark.lab
def test_a_red_scenario_points_at_its_line(tmp_path: Path) -> None:
    red = tmp_path / "red.yaml"
    red.write_text(RED)
    shown = testbed("run", "--keep", tmp_path / "keep", red, COLUMNS="250")
    assert shown.returncode == 1
    assert "failed  Nobody bounces" in shown.stdout
    told = shown.stdout.partition("what failed")[2]
    assert f"  {red}:5  bounced to alice@crepes.fr\n      - bounced: {{to: alice@crepes.fr}}\n" in told
    assert "seen   no notification was sent to alice@crepes.fr" in told
    assert f"look    testbed inspect {tmp_path / 'keep' / 'red.pcapng'}\n" in told
    assert f"traces in {tmp_path / 'keep'}" in shown.stdout


@pytest.mark.lab
def test_by_default_traces_go_to_a_fresh_folder_whose_path_is_printed(tmp_path: Path) -> None:
    shown = testbed("run", "scenarios/delivered.yaml", TMPDIR=str(tmp_path))
    [folder] = tmp_path.iterdir()
    assert f"traces in {folder}" in shown.stdout
    assert [trace.name for trace in folder.iterdir()] == ["delivered.pcapng"]


@pytest.mark.lab
def test_two_files_of_one_name_keep_two_traces(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.yaml").write_text((PROJECT / "scenarios" / "delivered.yaml").read_text())
    assert testbed("run", "--keep", tmp_path / "keep", tmp_path / "a", tmp_path / "b").returncode == 0
    assert sorted(p.name for p in (tmp_path / "keep").iterdir()) == ["same-2.pcapng", "same.pcapng"]


@pytest.mark.parametrize("words", [["run", "--keep", "KEEP", "scenarios"], ["explore", "scenarios/delivered.yaml"]])
def test_where_no_lab_can_run_the_reason_and_the_remedy_are_told_once(words: list[str], tmp_path: Path) -> None:
    """A user namespace that may make no further namespaces is such a place."""
    script = (
        "import ctypes, sys\n"
        "from pathlib import Path\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "import os\n"
        "uid = os.getuid()\n"
        "assert libc.unshare(0x10000000) == 0\n"
        "Path('/proc/self/uid_map').write_text(f'{uid} {uid} 1')\n"
        "Path('/proc/sys/user/max_net_namespaces').write_text('0')\n"
        "from testbed.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script, *(word.replace("KEEP", str(tmp_path / "keep")) for word in words)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    if "AssertionError" in shown.stderr or "uid_map" in shown.stderr:
        pytest.skip("this machine allows no user namespaces")
    assert shown.returncode == 3, shown.stderr
    assert shown.stderr.count("error: ") == 1
    assert "the kernel refuses private namespaces (" in shown.stderr
    assert "testbed doctor" in shown.stderr
    assert not (tmp_path / "keep").exists()


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keep = tmp_path_factory.mktemp("keep")
    assert testbed("run", "--keep", keep, "scenarios/mailbox-full.yaml").returncode == 0
    return keep / "mailbox-full.pcapng"


@pytest.mark.lab
def test_inspect_tells_the_story(trace: Path) -> None:
    shown = testbed("inspect", trace, COLUMNS="160").stdout
    for words in (
        "crepes.fr tried 3 times to hand mail for bob@someschool.edu to someschool.edu; 2 tries failed (452 4.2.2)",
        "mailbox full (temporary)",
        "crepes.fr → someschool.edu:25",
        "handshake",
        "transfer",
        "closure",
        "SYN ──▶",
        "◀── 452 4.2.2 Mailbox full",
        "lab: the mailbox of bob@someschool.edu is emptied",
    ):
        assert words in shown


@pytest.mark.lab
def test_inspect_json_has_the_promised_fields(trace: Path) -> None:
    [capture] = json.loads(testbed("inspect", "--json", "--packets", trace).stdout)["captures"]
    smtp = [c for c in capture["connections"] if c["service"] == "smtp"]
    assert len(smtp) == 3
    assert {
        "client",
        "server",
        "service",
        "conn_state",
        "history",
        "completeness",
        "phases",
        "dialogue",
        "findings",
    } <= set(smtp[0])
    assert smtp[0]["server"] == "127.0.0.30:25"
    assert [phase["phase"] for phase in smtp[0]["phases"]] == ["handshake", "transfer", "closure"]
    assert {"frame", "connection", "phase", "step", "tcp"} <= set(capture["packets"][0])


@pytest.mark.lab
def test_inspect_packets_labels_every_packet(trace: Path) -> None:
    shown = testbed("inspect", "--packets", trace).stdout
    for label in (
        "handshake 1/3 SYN",
        "handshake 2/3 SYN-ACK",
        "handshake 3/3 ACK",
        "RCPT",
        "452 4.2.2 to RCPT",
        "FIN",
    ):
        assert label in shown


@pytest.mark.lab
@pytest.mark.program("tshark")
def test_the_annotated_capture_is_read_by_tshark(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "annotated.pcapng"
    assert testbed("inspect", "-o", out, trace).returncode == 0
    read = subprocess.run(
        ["tshark", "-r", out, "-T", "fields", "-e", "frame.number", "-e", "frame.comment"],
        capture_output=True,
        text=True,
        check=True,
    )
    comments = dict(line.split("\t", 1) for line in read.stdout.splitlines() if line.count("\t"))
    assert any("handshake: handshake 1/3 SYN" in comment for comment in comments.values())
    assert any("refused mail for bob@someschool.edu" in comment for comment in comments.values())
    assert testbed("inspect", out).returncode == 0


@pytest.mark.lab
@pytest.mark.program("tshark")
def test_tshark_reads_packets_and_log_lines_on_one_timeline(trace: Path) -> None:
    read = subprocess.run(["tshark", "-r", trace], capture_output=True, text=True, check=True)
    warnings = [line for line in read.stderr.splitlines() if "could be dangerous" not in line]
    assert warnings == []
    lines = read.stdout.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1, len(lines) + 1))
    deferred = next(i for i, line in enumerate(lines) if "deferred, someschool.edu said 452 4.2.2" in line)
    refused = next(i for i, line in enumerate(lines) if "S: 452 4.2.2 Mailbox full" in line)
    second = next(i for i, line in enumerate(lines) if "attempt 2 to deliver" in line)
    assert refused < deferred < second


@pytest.mark.lab
def test_traces_that_cannot_be_written_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shown = testbed("run", "--keep", tmp_path / "file", "scenarios/delivered.yaml")
    assert shown.returncode == 2
    assert f"error: {tmp_path / 'file' / 'delivered.pcapng'}: the trace cannot be written" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_file_cannot_make_the_terminal_obey(tmp_path: Path) -> None:
    evil = tmp_path / "evil.yaml"
    evil.write_text('title: "\\e[31mred"\n"\\e]0;owned\\a": 1\nsteps: []\nexpect: []\n')
    shown = testbed("check", evil)
    assert shown.returncode == 2
    assert "\033" not in shown.stderr
    assert "title: one line without control characters" in shown.stderr


def test_output_cut_short_by_its_reader_is_no_error() -> None:
    piped = subprocess.run(
        f"{sys.executable} -m testbed schema | head -1",
        shell=True,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert piped.stdout == "{\n"
    assert piped.stderr == ""


def test_colour_is_for_those_who_want_it() -> None:
    assert "\033[" in testbed("--help", FORCE_COLOR="1").stdout
    assert "\033[" not in testbed("--help", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_faults_are_found_by_what_people_call_them() -> None:
    said = testbed("faults", "hang").stdout
    assert "stall  it falls silent" in said
    assert "e.g.  - {at: crepes.fr, on: MAIL, then: stall}" in said
    assert "scenarios with it: testbed list hang" in said
    assert "e.g.  - {at: someschool.edu, on: RCPT, reply: 45" in testbed("faults", "greylist").stdout
    refused = testbed("faults", "gremlins")
    assert refused.returncode == 2
    assert "no fault has 'gremlins'; 'testbed faults' shows all" in refused.stderr
