"""Reports on a terminal: what is longer than the screen goes to a pager, what fits and what is piped does not."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import sys
import termios
from pathlib import Path

import pytest

from tests.command import testbed
from tests.conftest import PROJECT

_COLOURS = re.compile(r"\x1b\[[\d;]*m")
LONG = ["inspect", "captures/mailbox-full.pcapng"]
SHORT = ["inspect", "--filter", "state=S3", "captures/syn-lost-twice.pcapng"]
PAGER = """\
import sys
lines = sys.stdin.read().splitlines()
print("PAGED", len(lines), "lines")
print("\\n".join(lines[-4:]))
"""
LEFT = "import sys; print('LEFT AT', sys.stdin.readline())"
INTERRUPTED = "import os, signal, sys; os.kill(os.getppid(), signal.SIGINT); print('PAGED', len(sys.stdin.read()))"


def shown(words: list[str], pager: str | None, tmp_path: Path, rows: int = 24, **variables: str) -> tuple[int, str]:
    """What a command prints onto a terminal of so many rows, and its exit code."""
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES", "PAGER")}
    environment |= {"TERM": "xterm", **variables}
    if pager is not None:
        program = tmp_path / "pager.py"
        program.write_text(pager)
        environment["PAGER"] = f"'{sys.executable}' '{program}'" if pager else ""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        os.chdir(PROJECT)
        os.execve(sys.executable, [sys.executable, "-m", "testbed", *words], environment)
    told = b""
    while True:
        try:
            octets = os.read(terminal, 65_536)
        except OSError:  # so Linux tells that nobody has the other end
            break
        if not octets:
            break
        told += octets
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), _COLOURS.sub("", told.decode(errors="replace").replace("\r\n", "\n"))


@pytest.mark.parametrize("command", [LONG, ["diff", "captures/delivered.pcapng", "captures/mailbox-full.pcapng"]])
def test_what_is_longer_than_the_screen_goes_to_the_pager(command: list[str], tmp_path: Path) -> None:
    code, told = shown(command, PAGER, tmp_path)
    assert code == (1 if command[0] == "diff" else 0)
    assert told.startswith("PAGED")


@pytest.mark.parametrize(
    ("words", "pager", "rows"),
    [
        (SHORT, PAGER, 24),
        (LONG, PAGER, 2_000),
        ([*LONG, "--no-pager"], PAGER, 24),
        ([*LONG, "--csv"], PAGER, 24),
        (LONG, "", 24),
    ],
    ids=["it fits", "a large screen", "--no-pager", "for programs", "PAGER is empty"],
)
def test_the_rest_is_printed(words: list[str], pager: str, rows: int, tmp_path: Path) -> None:
    code, told = shown(words, pager, tmp_path, rows)
    assert (code, "PAGED" in told) == (0, False)
    assert "pcapng" in told


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_less_is_left_where_all_fits(tmp_path: Path) -> None:
    code, told = shown(SHORT, None, tmp_path)
    assert code == 0
    assert "syn-lost-twice.pcapng" in told


def test_a_pager_that_is_missing_is_done_without(tmp_path: Path) -> None:
    code, told = shown(LONG, None, tmp_path, PAGER="no-such-pager")
    assert code == 0
    assert "all steps played" in told


@pytest.mark.parametrize(("pager", "says"), [(LEFT, "LEFT AT"), (INTERRUPTED, "PAGED")], ids=["left", "Ctrl-C"])
def test_whoever_leaves_the_pager_early_gets_no_traceback(pager: str, says: str, tmp_path: Path) -> None:
    code, told = shown([*LONG, "-v"], pager, tmp_path)
    assert code == 0
    assert says in told
    assert "Traceback" not in told


def test_findings_are_repeated_at_the_end_of_what_has_scrolled_away(tmp_path: Path) -> None:
    for rows, repeated in ((24, True), (2_000, False)):
        _, told = shown([*LONG, "--no-pager"], None, tmp_path, rows)
        assert ("found above" in told) is repeated
        assert told.count("• crepes.fr tried 3 times") == 1 + repeated


def test_a_pipe_has_no_pager_and_no_repetition() -> None:
    piped = testbed(*LONG, PAGER="false")
    assert piped.returncode == 0
    assert "found above" not in piped.stdout
    assert piped.stdout.count("• crepes.fr tried 3 times") == 1
