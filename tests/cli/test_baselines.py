"""``testbed run --baseline`` and ``testbed diff`` as a stranger meets them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from testbed.trace.inspect import inspect
from tests.command import testbed
from tests.conftest import PROJECT

CAPTURES = PROJECT / "captures"
RETRIED, REFUSED = CAPTURES / "mailbox-full.pcapng", CAPTURES / "unknown-user.pcapng"
SCENARIO = PROJECT / "scenarios" / "delivered.yaml"


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A folder with the reference of one scenario."""
    folder = tmp_path / "baseline"
    folder.mkdir()
    shutil.copy(CAPTURES / "delivered.pcapng", folder)
    return folder


@pytest.mark.lab
def test_a_run_that_says_the_same_holds(baseline: Path) -> None:
    shown = testbed("run", "--baseline", baseline, SCENARIO)
    assert shown.returncode == 0, shown.stdout
    assert f"references in {baseline}: 1 the same" in shown.stdout


@pytest.mark.lab
def test_a_change_fails_and_the_log_tells_what_to_do(baseline: Path, tmp_path: Path) -> None:
    shutil.copy(REFUSED, baseline / "delivered.pcapng")
    shown = testbed("run", "--baseline", baseline, "--keep", tmp_path / "kept", SCENARIO)
    assert shown.returncode == 1
    reference = baseline / "delivered.pcapng"
    assert f"differencesfrom{reference}(recorded20" in "".join(shown.stdout.split())
    assert "before, it said" in shown.stdout or "no longer refuses" in shown.stdout
    assert f"to look:   testbed diff {reference} {tmp_path / 'kept' / 'delivered.pcapng'}\n" in shown.stdout
    assert f"to accept: testbed run --baseline {baseline} --update {SCENARIO}\n" in shown.stdout
    assert "[before: frame" in shown.stdout


@pytest.mark.lab
def test_a_missing_reference_fails_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shown = testbed("run", "--baseline", tmp_path / "empty", SCENARIO)
    assert shown.returncode == 1
    assert "there is no reference trace" in shown.stdout
    assert f"testbed run --baseline {tmp_path / 'empty'} --update {SCENARIO}" in shown.stdout
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.lab
def test_programs_get_the_changes_as_json(baseline: Path) -> None:
    shutil.copy(REFUSED, baseline / "delivered.pcapng")
    shown = testbed("run", "--json", "--baseline", baseline, SCENARIO)
    [scenario] = json.loads(shown.stdout)["scenarios"]
    assert scenario["verdict"] == "failed"
    assert scenario["reference"] == str(baseline / "delivered.pcapng")
    assert {"kind", "text", "before", "now", "follows"} == set(scenario["changes"][0])


@pytest.mark.lab
def test_update_records_what_changed_and_leaves_the_rest_alone(baseline: Path, tmp_path: Path) -> None:
    reference, stale = baseline / "delivered.pcapng", baseline / "unknown-user.pcapng"
    alone = reference.stat().st_mtime_ns, reference.read_bytes()
    shutil.copy(RETRIED, stale)  # another scenario's trace: it has changed
    (baseline / "notes.txt").write_text("mine")
    scenarios = (SCENARIO, PROJECT / "scenarios" / "unknown-user.yaml")
    shown = testbed("run", "--baseline", baseline, "--update", *scenarios)
    assert shown.returncode == 0, shown.stdout
    assert "this trace is the reference from now on" in shown.stdout
    assert "1 the same" in shown.stdout
    assert "1 recorded again" in shown.stdout
    assert (reference.stat().st_mtime_ns, reference.read_bytes()) == alone
    assert {path.name for path in baseline.iterdir()} == {"delivered.pcapng", "unknown-user.pcapng", "notes.txt"}
    assert testbed("diff", REFUSED, stale).returncode == 0
    assert b"testbed: #1" in stale.read_bytes()  # annotated, as `testbed inspect -o` does it


@pytest.mark.lab
def test_update_records_the_scenario_as_it_reads_now(baseline: Path, tmp_path: Path) -> None:
    """What the trace says is the same; but whoever opens the reference finds the scenario in it."""
    scenario = tmp_path / "delivered.yaml"
    scenario.write_text(SCENARIO.read_text() + "# reviewed\n")
    shown = testbed("run", "--baseline", baseline, "--update", scenario)
    assert "1 recorded again" in shown.stdout
    lab = inspect(baseline / "delivered.pcapng").lab
    assert lab is not None
    assert lab.scenario.endswith("# reviewed\n")
    assert "1 the same" in testbed("run", "--baseline", baseline, "--update", scenario).stdout


@pytest.mark.lab
def test_update_makes_the_folder_and_keeps_out_what_failed(tmp_path: Path) -> None:
    red = tmp_path / "red.yaml"
    red.write_text(
        "title: Nobody bounces\nsteps: [{send: {to: bob@someschool.edu}}]\n"
        "expect:\n  - bounced: {to: alice@crepes.fr}\n"
    )
    shown = testbed("run", "--baseline", tmp_path / "new", "--update", SCENARIO, red)
    assert shown.returncode == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["delivered.pcapng"]
    assert "1 recorded for the first time" in shown.stdout


@pytest.mark.lab
def test_update_overwrites_nothing_that_is_no_trace_of_a_lab(baseline: Path) -> None:
    reference = baseline / "delivered.pcapng"
    reference.write_bytes(b"precious")
    shown = testbed("run", "--baseline", baseline, "--update", SCENARIO)
    assert shown.returncode == 1
    assert "cannot be read" in shown.stdout
    assert reference.read_bytes() == b"precious"


@pytest.mark.lab
def test_references_of_scenarios_that_are_gone_are_named(tmp_path: Path) -> None:
    """Their files once lay where the run looks; references of other folders' scenarios are not mentioned."""
    scenarios, baseline = tmp_path / "scenarios", tmp_path / "baseline"
    scenarios.mkdir()
    text = SCENARIO.read_text()
    for name in ("kept", "gone"):
        (scenarios / f"{name}.yaml").write_text(text)
    assert testbed("run", "--baseline", baseline, "--update", scenarios).returncode == 0
    (scenarios / "gone.yaml").unlink()
    shutil.copy(REFUSED, baseline / "elsewhere.pcapng")
    shown = testbed("run", "--baseline", baseline, "--update", scenarios)
    assert shown.returncode == 0
    assert f"{baseline / 'gone.pcapng'}: its scenario is gone ({scenarios / 'gone.yaml'})" in shown.stdout
    assert "elsewhere.pcapng" not in shown.stdout
    assert (baseline / "gone.pcapng").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--update", SCENARIO), "say where with --baseline DIR"),
        (("run", "--baseline", "no/such/folder", SCENARIO), "there is no such folder; --update makes it"),
        (("run", "--baseline", "README.md", SCENARIO), "that is not a folder"),
        (("run", "--baseline", "captures", "--keep", "captures", SCENARIO), "name another folder"),
        (("diff", RETRIED), "NOW"),
        (("diff", RETRIED, "README.md"), "this is not a pcap or pcapng file"),
        (("diff", RETRIED, "no/such.pcap"), "no/such.pcap"),
        (("diff", "--filter", "colour=red", RETRIED, REFUSED), "there is no term 'colour'"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str | Path, ...], words: str) -> None:
    shown = testbed(*arguments)
    assert shown.returncode == 2
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr


def test_diff_of_a_trace_with_itself_is_the_same() -> None:
    shown = testbed("diff", RETRIED, RETRIED)
    assert shown.returncode == 0
    assert "Both say the same." in shown.stdout
    assert "EHLO" not in shown.stdout
    assert "EHLO" in testbed("diff", "-v", RETRIED, RETRIED).stdout


def test_diff_shows_both_sides_and_explains() -> None:
    before = CAPTURES / "refused-for-good-RCPT-550-5.7.1-Not-wanted.pcapng"
    now = CAPTURES / "refused-for-now-RCPT-452-4.3.1-Disk-full.pcapng"
    shown = testbed("diff", before, now, COLUMNS="140")
    assert shown.returncode == 1
    assert "crepes.fr now retries mail for bob@someschool.edu after 452 4.3.1" in " ".join(shown.stdout.split())
    assert max(map(len, shown.stdout.splitlines())) <= 140
    [row] = [
        line for line in shown.stdout.splitlines() if "550 5.7.1" in line and "452 4.3.1" in line and " ≠ " in line
    ]
    assert row.index("550 5.7.1") < row.index("≠") < row.index("452 4.3.1")
    assert "\033[" not in shown.stdout
    assert "\033[" in testbed("diff", before, now, FORCE_COLOR="1").stdout
    plain = testbed("diff", before, now, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert not re.search(r"\033\[[\d;]*[349]\d", plain)  # bold and faint are no colours


def test_diff_in_json() -> None:
    before = CAPTURES / "refused-for-good-RCPT-550-5.7.1-Not-wanted.pcapng"
    shown = testbed("diff", "--json", before, CAPTURES / "refused-for-now-RCPT-452-4.3.1-Disk-full.pcapng")
    assert shown.returncode == 1
    told = json.loads(shown.stdout)
    assert told["same"] is False
    assert told["before"]["file"] == str(before)
    [refusal] = told["differences"]
    assert set(refusal) == {"kind", "text", "before", "now", "follows"}
    assert "refuses RCPT" in refusal["text"]
    assert all(set(one) == set(refusal) and one["follows"] == [] for one in refusal["follows"])


def test_diff_of_chosen_connections() -> None:
    shown = testbed("diff", "--filter", "service=submission", CAPTURES / "delivered.pcapng", RETRIED)
    assert "crepes.fr → someschool.edu" not in shown.stdout
