"""``testbed explore``: what it prints, writes, goes on with, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from testbed.cli import FAILED, HELD, WRONG_USAGE
from tests.command import testbed
from tests.conftest import PROJECT

DELIVERED = "title: Mail\nsteps: [send: {to: bob@someschool.edu}]\nexpect: [delivered: {to: bob@someschool.edu}]\n"
NO_SCENARIO = "title: Mail\n"
[ORACLE] = re.findall(r"^```py\n(.*?)^```$", (PROJECT / "docs" / "exploring.md").read_text(), re.M | re.S)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail.yaml"
    path.write_text(DELIVERED)
    return path


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--relay", "postfiks"], "did you mean 'postfix'?"),
        (["--relay", "ours", "--receiver", "ours"], "one part is explored at a time"),
        (["--depth", "4"], "--depth"),
        (["--budget", "soon"], "soon"),
        (["--seed", "-1"], "--seed"),
        (["--oracle", "nowhere.py"], "nowhere.py"),
    ],
)
def test_what_cannot_be_explored_is_complained_of(file: Path, options: list[str], complaint: str) -> None:
    done = testbed("explore", file, *options)
    assert (done.returncode, complaint in done.stderr) == (WRONG_USAGE, True), done.stderr


@pytest.mark.lab
def test_it_goes_on_where_it_stopped(file: Path, tmp_path: Path) -> None:
    options = ["--depth", "1", "--budget", "3s", "--out", tmp_path / "out", "--json", tmp_path / "found.json"]

    def explored() -> dict[str, int]:
        done = testbed("explore", file, *options)
        assert done.returncode == HELD, done.stdout + done.stderr
        assert "nothing was red" in done.stdout
        [found] = json.loads((tmp_path / "found.json").read_text())["explorations"]
        return {name: found[name] for name in ("points", "runs", "played", "not_tried")}

    first, second = explored(), explored()
    total = first["runs"] + first["not_tried"]
    assert total == second["runs"] + second["not_tried"] > 400
    assert second["runs"] == first["runs"] + second["played"]
    assert len((tmp_path / "out" / "mail" / "runs.ndjson").read_text().splitlines()) == second["runs"] + 1


@pytest.mark.lab
def test_what_is_broken_without_any_fault_is_told_once_and_no_run_is_red_for_it_again(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "ours.py").write_text(ORACLE)
    briefly = ["--depth", "1", "--budget", "20s"]
    done = testbed("explore", file, "--oracle", tmp_path / "ours.py", *briefly, "--json", "-")
    assert done.returncode == FAILED, done.stderr
    [found] = json.loads(done.stdout)["explorations"]
    assert found["runs"] > 1
    [cause] = found["red"]
    assert (cause["what"], cause["faults"]) == ("only the gateway sends mail out", [])


@pytest.mark.lab
def test_what_was_red_yesterday_is_no_news(file: Path, tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(ORACLE)
    briefly = ["--oracle", tmp_path / "ours.py", "--depth", "1", "--budget", "3s"]
    assert testbed("explore", file, *briefly, "--out", tmp_path / "yesterday").returncode == FAILED
    done = testbed("explore", file, *briefly, "--only-new", tmp_path / "yesterday")
    assert done.returncode == HELD, done.stderr
    assert "known before" in done.stdout


DEAF = """
title: A relay that never listens
hosts: {crepes.fr: {role: relay, time: real, ready_within: 1s, command: [sleep, "60"]}}
steps: [send: {to: bob@someschool.edu}]
expect: [delivered: {to: bob@someschool.edu}]
"""


@pytest.mark.lab
def test_a_scenario_that_cannot_be_played_is_no_green(tmp_path: Path) -> None:
    (tmp_path / "deaf.yaml").write_text(DEAF)
    done = testbed("explore", tmp_path / "deaf.yaml", "--depth", "1", "--json", tmp_path / "found.json")
    assert done.returncode == FAILED, done.stdout + done.stderr
    [found] = json.loads((tmp_path / "found.json").read_text())["explorations"]
    assert found["runs"] == 1
    assert "does not listen" in done.stdout
