"""How commands end that are told to, and what becomes of output that nobody can take."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_run_outputs import DELIVERED, SLOW, _listens_on_25
from tests.conftest import PROJECT
from tests.patience import HANG_S, until
from tests.report.test_junit import check as check_junit

CAPTURE = PROJECT / "captures" / "delivered.pcapng"
COMMANDS = {
    "run": ["run", "--network", "host", DELIVERED],
    "check": ["check", DELIVERED],
    "inspect": ["inspect", CAPTURE],
    "inspect --json": ["inspect", "--json", CAPTURE],
    "diff": ["diff", CAPTURE, CAPTURE],
    "new": ["new", "delivered"],
    "schema": ["schema"],
    "faults": ["faults"],
    "doctor": ["doctor"],
    "serve": ["serve", "--for", "0.1", DELIVERED],
    "help": ["--help"],
    "help of a command": ["run", "--help"],
}
FULL = Path("/dev/full")


def program(*arguments: str | Path, redirected: str = "", **options: object) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it, its streams redirected."""
    words = [sys.executable, "-m", "testbed", *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", *words],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=HANG_S, **options,
    )  # type: ignore[call-overload, no-any-return]  # fmt: skip


@pytest.mark.lab
@pytest.mark.parametrize("redirected", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_output_that_nobody_can_take_is_told(words: list[str | Path], redirected: str, tmp_path: Path) -> None:
    shown = program(*words, redirected=redirected, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert shown.returncode == 3
    [told] = shown.stderr.splitlines()[-1:]
    assert told.startswith("error: standard output: ")
    assert "; " in told  # and what to do about it
    assert "Traceback" not in shown.stderr


@pytest.mark.lab
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_complaints_that_nobody_can_take_change_nothing(words: list[str | Path], tmp_path: Path) -> None:
    for redirected in ("2>&-", "2>/dev/full"):
        shown = program(*words, redirected=redirected, env={**os.environ, "TMPDIR": str(tmp_path)})
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout


@pytest.mark.lab
def test_reports_are_written_though_nobody_can_take_the_output(tmp_path: Path) -> None:
    shown = program("run", "--keep", tmp_path, "--junit", tmp_path / "r.xml", DELIVERED, redirected=">/dev/full")
    assert shown.returncode == 3
    assert check_junit((tmp_path / "r.xml").read_text()).get("tests") == "1"


@pytest.mark.lab
def test_a_reader_that_has_seen_enough_does_not_change_a_verdict(tmp_path: Path) -> None:
    red = tmp_path / "red.yaml"
    red.write_text(DELIVERED.read_text() + "  - bounced: {to: alice@crepes.fr}\n")
    assert _read_by_nobody(tmp_path, "run", "--keep", tmp_path / "keep", red) == 1


def test_inspect_ends_with_its_reader(tmp_path: Path) -> None:
    assert _read_by_nobody(tmp_path, "inspect", "--packets", CAPTURE) == 0


def _read_by_nobody(folder: Path, *words: str | Path) -> int:
    """The status of a command whose output goes into a pipe that is closed; it complains of nothing."""
    command = " ".join([sys.executable, "-m", "testbed", *map(str, words)])
    shown = subprocess.run(
        ["sh", "-c", f"({command}; echo $? >{folder}/code) | true"],
        cwd=PROJECT, capture_output=True, text=True, check=True, timeout=HANG_S,
    )  # fmt: skip
    assert shown.stderr == ""
    return int((folder / "code").read_text())


def test_standard_input_that_is_closed_holds_no_capture() -> None:
    shown = program("inspect", "-", redirected="<&-")
    assert shown.returncode == 2
    assert shown.stderr == "error: -: the file is empty\n"


# Limits of the machine


@pytest.mark.lab
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("descriptors", [16])
def test_few_descriptors_are_told(words: list[str | Path], descriptors: int, tmp_path: Path) -> None:
    _limited(words, resource.RLIMIT_NOFILE, descriptors, tmp_path)


@pytest.mark.lab
@pytest.mark.parametrize("octets", [0, 4_000])
@pytest.mark.parametrize(
    "words",
    [
        ["run", "--junit", "r.xml", DELIVERED],
        ["run", "--network", "host", "--tap", "r.tap", DELIVERED],
        ["inspect", "-o", "annotated.pcapng", CAPTURE],
        ["inspect", "--export-mail", "mail", CAPTURE],
        ["inspect", "--parquet", "tables", CAPTURE],
        ["serve", "--for", "0.1", DELIVERED],
        ["new", "delivered", "new.yaml"],
    ],
    ids=lambda words: " ".join(map(str, words[:2])) if isinstance(words, list) else None,
)
def test_a_full_disk_is_told_and_leaves_no_halves(words: list[str | Path], octets: int, tmp_path: Path) -> None:
    shown = _limited(words, resource.RLIMIT_FSIZE, octets, tmp_path)
    assert octets or shown.returncode == 3, shown.stdout
    assert not list(tmp_path.rglob(".testbed-*"))


def _limited(words: list[str | Path], limit: int, most: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """It does what it should, or says in a sentence what it lacks."""
    shown = subprocess.run(
        [sys.executable, "-m", "testbed", *map(str, words)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=HANG_S,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(PROJECT)},
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )  # fmt: skip
    told = shown.stdout + shown.stderr
    assert "Traceback" not in told
    assert shown.returncode in (0, 3), told
    assert shown.returncode == 0 or ";" in told
    return shown


# Signals


@pytest.mark.lab
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_run_that_is_told_to_end_writes_what_it_has(number: signal.Signals, tmp_path: Path) -> None:
    process = _slow_run(tmp_path)
    process.send_signal(number)
    output, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == 128 + number, errors
    assert "1 scenario not played" in output
    assert [file.name for file in (tmp_path / "keep").iterdir()] == ["slow.pcapng"]
    cases = list(check_junit((tmp_path / "r.xml").read_text()).iter("testcase"))
    reasons = [found.get("message") for case in cases if (found := case.find("skipped")) is not None]
    assert reasons == ["interrupted; the trace so far is kept", "the run was interrupted before its turn"]


@pytest.mark.lab
def test_nohup_stays_what_it_is(tmp_path: Path) -> None:
    process = _slow_run(tmp_path, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG_S)
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.lab
def test_kill_leaves_nothing(tmp_path: Path) -> None:
    process = _slow_run(tmp_path)
    [lab] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.communicate(timeout=HANG_S)
    until(lambda: not Path(f"/proc/{lab}").exists())
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*")) == ["slow.yaml"]


def _slow_run(folder: Path, before: object = None) -> subprocess.Popen[str]:
    """A run in the middle of its first scenario."""
    (folder / "slow.yaml").write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed", "run", "-j", "1", "--keep", folder / "keep", "--junit", folder / "r.xml",
         folder / "slow.yaml", DELIVERED],
        cwd=PROJECT, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=before,
    )  # type: ignore[call-overload]  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: _listens_on_25(children))
    return process  # type: ignore[no-any-return]
