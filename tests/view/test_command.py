"""The command `testbed view`: what it needs, and what it leaves alone."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cli import main
from tests.conftest import PROJECT
from tests.imports import imported
from tests.patience import until

CAPTURE = PROJECT / "captures" / "mailbox-full.pcapng"


def test_without_textual_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    assert main(["view", str(CAPTURE)]) == 2
    told = capsys.readouterr().err
    assert told == "error: to view captures, install the package textual: pip install 'mail-testbed[view]'\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name one FILE, or --live IFACE"),
        (["--live", "lo", "some.pcap"], "name one FILE, or --live IFACE, not both"),
        (["--live", "lo", "--keylog", "keys"], "--keylog decrypts whole captures"),
    ],
)
def test_options_that_contradict_each_other(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", *words]) == 2
    assert says in capsys.readouterr().err


def test_it_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("textual", reason="textual is not installed")
    assert main(["view", str(CAPTURE)]) == 2
    assert "needs a terminal; 'testbed inspect' prints the same elsewhere" in capsys.readouterr().err


def test_no_other_command_loads_it() -> None:
    for module in (PROJECT / "testbed").rglob("*.py"):
        place = module.relative_to(PROJECT / "testbed")
        if place.parts[0] != "view" and place != Path("cli", "view.py"):
            names = imported(module.read_text(), ".".join(("testbed", *place.parts[:-1])))
            assert not [name for name in names if name.startswith(("textual", "testbed.view"))], place


class Terminal:
    """A terminal of 80 by 24, kept by tmux."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ("tmux", "-S", str(socket), "-f", "/dev/null")

    def run(self, command: str, *variables: str) -> None:
        """Start a command; what it ends with is told on the screen."""
        words = f"{command}; echo ENDED $?; exec sleep 600"
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", "80", "-y", "24", "env", *variables, "sh", "-c", words], check=True
        )

    def press(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def screen(self, *options: str) -> str:
        return self._told("capture-pane", "-p", *options)

    def _told(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True).stdout

    def signal(self, number: int) -> None:
        """Tell the command to end."""
        shell = int(self._told("display-message", "-p", "#{pane_pid}"))
        for child in Path(f"/proc/{shell}/task/{shell}/children").read_text().split():
            os.kill(int(child), number)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    pytest.importorskip("textual", reason="textual is not installed")
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    terminal = Terminal(tmp_path / "tmux")
    yield terminal
    terminal.close()


def test_in_a_terminal_without_colours(terminal: Terminal) -> None:
    terminal.run(f"{sys.executable} -m testbed view --utc {CAPTURE}", "NO_COLOR=1", f"PYTHONPATH={os.fspath(PROJECT)}")
    until(lambda: "11 connections" in terminal.screen() and "Quit" in terminal.screen())
    terminal.press("w")
    until(lambda: "2 of 11 connections" in terminal.screen())
    terminal.press("Enter")
    until(lambda: "220 someschool.edu" in terminal.screen() and "┄▶│" in terminal.screen())
    until(lambda: terminal.screen().splitlines()[-1].endswith("q Quit"))
    assert len(terminal.screen().splitlines()) == 24
    codes = [code for part in re.findall(r"\x1b\[([\d;]*)m", terminal.screen("-e")) for code in part.split(";")]
    assert {code for code in codes if len(code) > 1} <= {"39", "49"}  # the terminal's own two
    assert "7" in codes  # the cursor is seen all the same
    terminal.press("q")
    until(lambda: "ENDED 0" in terminal.screen())


def test_what_takes_its_time_is_told_before_it_is_shown() -> None:
    pytest.importorskip("textual", reason="textual is not installed")
    ours, its = pty.openpty()
    words = [sys.executable, "-m", "testbed", "view", str(CAPTURE)]
    with subprocess.Popen(words, cwd=PROJECT, stdin=its, stdout=its, stderr=its):
        os.close(its)
        shown = b""
        while b"11 connections" not in shown:
            shown += os.read(ours, 4096)
        assert re.search(rb"Reading \S*mailbox-full\.pcapng, [0-9.]+ KB .*\r\x1b\[K.*11 connections", shown, re.DOTALL)
        os.write(ours, b"q")
        with contextlib.suppress(OSError):  # the terminal is hung up when nobody has it open any more
            while os.read(ours, 4096):
                pass
    os.close(ours)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_gives_the_terminal_back(terminal: Terminal, number: int, code: int) -> None:
    terminal.run(f"{sys.executable} -m testbed view {CAPTURE}", f"PYTHONPATH={os.fspath(PROJECT)}")
    until(lambda: "11 connections" in terminal.screen())
    terminal.signal(number)
    until(lambda: f"ENDED {code}" in terminal.screen())
    assert "11 connections" not in terminal.screen()
