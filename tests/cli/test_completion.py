"""What shells complete."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from testbed.cli.help import COMMANDS
from tests.command import testbed

LOOK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
complete_with=$(complete -p testbed | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$complete_with testbed "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(folder: Path, *words: str) -> set[str]:
    script = folder / "completion"
    script.write_text(testbed("completion", "bash").stdout)
    ended = subprocess.run(
        ["bash", "--norc", "-c", LOOK, "look", script, "testbed", *words],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {line.rstrip("/ ") for line in ended.stdout.splitlines()}


def test_commands(tmp_path: Path) -> None:
    assert completed(tmp_path, "") >= set(COMMANDS)
    assert completed(tmp_path, "re") == {"reproduce"}


def test_options_and_their_words(tmp_path: Path) -> None:
    assert {"--html", "--json", "--packets"} <= completed(tmp_path, "inspect", "--")
    assert completed(tmp_path, "run", "--network", "") == {"auto", "private", "host"}


def test_files(tmp_path: Path) -> None:
    (tmp_path / "mine.pcapng").touch()
    assert "mine.pcapng" in completed(tmp_path, "inspect", "mi")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_understands_it(shell: str, tmp_path: Path) -> None:
    script = testbed("completion", shell).stdout
    assert script.strip()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script)
    assert subprocess.run([shell, "-n", tmp_path / "script"], check=False).returncode == 0


def test_other_shells_are_named() -> None:
    refused = testbed("completion", "csh")
    assert refused.returncode == 2
    assert "bash" in refused.stderr
