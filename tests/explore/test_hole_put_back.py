"""The hole that random pairs of faults once found in the lab's own relay, put back: one command finds it again.

What the relay had heard was forgotten when its own side broke the connection behind the 250, and all was sent again
(RFC 5321 §4.2.5: who has heard the 250 has handed the message over).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cli import FAILED, HELD
from tests.conftest import PROJECT

pytestmark = pytest.mark.lab

MENDED = [
    (
        "client.py",
        "with suppress(SMTPServerDisconnected):  # what it has heard",
        "with suppress():  # what it has heard",
    ),
    (
        "delivery.py",
        "for address in envelope.addresses if address not in results}",
        "for address in envelope.addresses}",
    ),
]
MAIL = "title: Mail\nsteps: [send: {to: bob@someschool.edu}]\nexpect: [delivered: {to: bob@someschool.edu}]\n"


@pytest.fixture(scope="module")
def with_the_hole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program as it was then."""
    folder = tmp_path_factory.mktemp("then")
    shutil.copytree(PROJECT / "testbed", folder / "testbed", ignore=shutil.ignore_patterns("__pycache__"))
    for name, mended, before in MENDED:
        file = folder / "testbed" / "hosts" / "sending" / name
        text = file.read_text()
        assert text.count(mended) == 1, f"{name} reads otherwise now: put the hole back in another way"
        file.write_text(text.replace(mended, before))
    return folder


def test_one_command_finds_it_and_shows_it_in_a_few_lines(with_the_hole: Path, tmp_path: Path) -> None:
    (tmp_path / "mail.yaml").write_text(MAIL)
    command = [sys.executable, "-m", "testbed", "explore", "mail.yaml", "--depth", "2", "--budget", "15s"]
    told = ["--out", "found", "--json", "found.json"]
    env = {"PYTHONPATH": str(with_the_hole), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    for _ in range(20):  # where the machine is busy, the same command goes on where the budget ended
        done = subprocess.run([*command, *told], cwd=tmp_path, env=env, capture_output=True, text=True)
        if done.returncode != HELD:
            break
    assert done.returncode == FAILED, done.stdout + done.stderr
    [found] = json.loads((tmp_path / "found.json").read_text())["explorations"]
    again = [one for one in found["red"] if "no relay sends again what it has heard the 250 for" in one["what"]]
    assert again, found["red"]
    assert [len(one["faults"]) for one in again] == [1]
    [written] = (tmp_path / "found" / "mail").glob("sent-again-*.yaml")
    assert "at: crepes.fr" in written.read_text()
