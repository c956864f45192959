"""What is red though it was not played: strangers' programs, and programs that are missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import testbed

pytestmark = pytest.mark.lab

REST = "expect:\n  - delivered: {to: bob@someschool.edu}\n"
SEND = "steps:\n  - send: {to: bob@someschool.edu}\n"
CODE = {
    "a step": f"title: T\nsteps:\n  - run: 'true'\n{REST}",
    "a host": f"title: T\nhosts: {{crepes.fr: {{role: relay, command: 'true'}}}}\n{SEND}{REST}",
}
MISSING = f"title: T\nneeds: [nosuchprogram]\n{SEND}{REST}"


@pytest.mark.parametrize("name", CODE)
def test_a_strangers_program_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(CODE[name])
    ended = testbed("run", "--untrusted", path)
    assert ended.returncode != 0
    assert "refused: it runs programs" in ended.stdout
    checked = testbed("check", "--untrusted", path)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert "refused: it runs programs" in checked.stderr


def test_what_is_refused_has_a_count_of_its_own(tmp_path: Path) -> None:
    for name, text in CODE.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    assert "2 error (2 of them refused)" in testbed("run", "--untrusted", tmp_path).stdout
    told = json.loads(testbed("run", "--untrusted", "--json", tmp_path).stdout)
    assert (told["refused"], told["totals"]["error"]) == (2, 2)


def test_a_strangers_data_is_played(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"title: T\n{SEND}{REST}")
    assert testbed("run", "--untrusted", path).returncode == 0
    assert testbed("check", "--untrusted", path).returncode == 0
    assert testbed("run", "--untrusted", "--allow-outside", path).returncode == 2


@pytest.mark.parametrize(
    ("option", "variables", "red"),
    [
        ("--require-needs", {}, True),
        ("--no-require-needs", {"CI": "true"}, False),
        ("-v", {"CI": "true"}, True),
        ("-v", {"CI": "false"}, False),
        ("-v", {}, False),
    ],
)
def test_a_program_that_is_missing(option: str, variables: dict[str, str], red: bool, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(MISSING)
    ended = testbed("run", option, path, **variables)
    assert (ended.returncode != 0, "nosuchprogram" in ended.stdout) == (red, True)
