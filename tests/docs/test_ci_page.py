"""The page on pipelines: its workflows are YAML, its commands are commands, its table of fields is whole."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

from testbed.cli.parser import parse
from testbed.report.json_run import run_json
from tests.conftest import PROJECT
from tests.report.runs import every_kind

PAGE = (PROJECT / "docs" / "ci.md").read_text()
VARIABLES = {"${{ matrix.shard }}": "2", "$CI_NODE_INDEX": "2", "$CI_NODE_TOTAL": "3", "$WORKSPACE": "/ws"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


GITHUB, GITLAB = (YAML(typ="safe").load(text) for text in blocks("yaml"))


def commands() -> list[str]:
    """Every ``testbed`` command of the page, whatever file it stands in."""
    pipeline = [step["run"] for step in GITHUB["jobs"]["scenarios"]["steps"] if "run" in step]
    pipeline += GITLAB["scenarios"]["script"]
    lines = [line for block in blocks("") for line in block.splitlines()]
    shells = re.findall(r"^sh '(.*)'$", PAGE, re.M) + re.findall(r"^  mail-testbed (testbed .*)$", PAGE, re.M)
    images = [" ".join(json.loads(words)) for words in re.findall(r"^CMD (.*)$", PAGE, re.M)]
    return [command for command in (*pipeline, *lines, *shells, *images) if command.startswith("testbed ")]


def test_there_are_commands_of_every_kind() -> None:
    assert len(commands()) >= 9


@pytest.mark.parametrize("command", commands())
def test_each_command_is_one(command: str) -> None:
    for variable, value in VARIABLES.items():
        command = command.replace(variable, value)
    assert "$" not in command
    assert parse(shlex.split(command)[1:]).command in ("run", "doctor")


def test_shards_are_as_many_as_jobs() -> None:
    job = GITHUB["jobs"]["scenarios"]
    [command] = [step["run"] for step in job["steps"] if "--shard" in step.get("run", "")]
    assert job["strategy"]["matrix"]["shard"] == list(range(1, 1 + int(re.findall(r"\}\}/(\d+) ", command)[0])))
    assert job["strategy"]["fail-fast"] is False


@pytest.mark.parametrize("name", ["traces/", "report.xml"])
def test_what_is_written_is_uploaded(name: str) -> None:
    [upload] = [s for s in GITHUB["jobs"]["scenarios"]["steps"] if "upload-artifact" in s.get("uses", "")]
    assert name in upload["with"]["path"].split()
    artifacts: dict[str, Any] = GITLAB["scenarios"]["artifacts"]
    assert name in [*artifacts["paths"], artifacts["reports"]["junit"]]


def test_every_field_of_the_json_is_described() -> None:
    document = json.loads(run_json(every_kind("x")))
    rows = "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.M)) + PAGE[PAGE.index("A verdict has") :]
    scenario = document["scenarios"][0]
    described = {*document, *scenario, *scenario["expectations"][0]}
    assert {field for field in described if f"`{field}`" not in rows} == set()
    assert {field for field in scenario["failures"][0] if f"`{field}`" not in PAGE} == set()


@pytest.mark.lab
def test_the_failure_it_shows_is_what_comes_out(tmp_path: Path) -> None:
    [example] = [block for block in blocks("text") if block.startswith("expected: ")]
    scenario = tmp_path / "scenarios" / "mailbox-full.yaml"
    scenario.parent.mkdir()
    text = (PROJECT / "scenarios" / "mailbox-full.yaml").read_text()
    scenario.write_text(text.replace("code: 452 4.2.2, count: 2", "code: 452 4.2.2, count: 3"))
    command = [sys.executable, "-m", "testbed", "run", "--keep", "traces", "--junit", "-", "scenarios"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    told = ET.fromstring(ended.stdout.encode()).findtext(".//failure", "")
    assert _without_frames(told) == _without_frames(example)


def _without_frames(text: str) -> list[str]:
    return [re.sub(r"frames [\d, ]+", "frames", line) for line in text.strip().splitlines()]


def test_it_says_what_every_option_of_ci_does() -> None:
    options = parse(["run", "x"])
    for option in ("junit", "tap", "markdown", "github", "json", "keep", "shard", "fail_fast"):
        assert hasattr(options, option)
        assert f"--{option.replace('_', '-')}" in PAGE
