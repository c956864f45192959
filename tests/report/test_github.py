"""Workflow commands, read as GitHub's runner reads the lines of a step's log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from testbed.report.github import MOST, workflow_commands
from tests.report.runs import TEXTS, broken, every_kind, failed, held, hostile, run, scenarios

_DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}
_PROPERTY = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Command, properties and message.  The runner replaces escapes one after the other, the percent sign last."""
    line = line.lstrip()
    assert line.startswith("::")
    info, separator, data = line[2:].partition("::")
    assert separator
    command, _, properties = info.partition(" ")
    pairs = [pair.split("=", 1) for pair in properties.split(",") if pair]
    return command, {key: _unescaped(value, _PROPERTY) for key, value in pairs}, _unescaped(data, _DATA)


def _unescaped(text: str, escapes: dict[str, str]) -> str:
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return text


def test_each_failure_stands_beside_its_line() -> None:
    one, two = map(read, workflow_commands(run(held(scenarios()[0]), failed(scenarios()[1], "50%, a:b"))).splitlines())
    command, properties, message = one
    assert command == "error"
    assert properties == {"file": "scenarios/one.yaml", "line": "5", "title": "Mail is delivered [who=carol]"}
    assert message.splitlines() == [
        "expected: bounced 50%, a:b",
        "seen: seen 50%, a:b",
        "at: scenarios/one.yaml:5",
        "as written:",
        "    - bounced: {to: alice@crepes.fr}",
        "evidence: frames 31, 58",
        "trace: traces/one.pcapng",
        "look at it: testbed inspect traces/one.pcapng",
    ]
    assert two[1]["line"] == "1"


def test_paths_are_those_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mail").mkdir()
    monkeypatch.chdir(tmp_path / "mail")
    for file, root, shown in (
        ("scenarios/one.yaml", tmp_path, "mail/scenarios/one.yaml"),
        (str(tmp_path / "mail" / "one.yaml"), tmp_path, "mail/one.yaml"),
        ("/elsewhere/one.yaml", tmp_path, "/elsewhere/one.yaml"),
        ("scenarios/one.yaml", "", "scenarios/one.yaml"),
    ):
        outcome = broken(scenarios(file=file)[0], "it died")
        assert read(workflow_commands(run(outcome), str(root)).rstrip("\n"))[1]["file"] == shown


def test_what_github_would_not_show_is_counted() -> None:
    lines = workflow_commands(run(*(failed(scenarios()[0], "x") for _ in range(20)))).splitlines()
    assert len(lines) == MOST
    assert read(lines[-1])[2] == f"{40 - MOST + 1} more did not hold; the job's summary names them all"


def test_a_run_in_which_all_held_has_none() -> None:
    assert workflow_commands(run(held(scenarios()[0]))) == ""


@settings(max_examples=60)
@given(hostile)
def test_whatever_strangers_say_each_line_is_one_command_of_ours(text: str) -> None:
    lines = workflow_commands(every_kind(text)).split("\n")
    assert lines.pop() == ""
    assert len(lines) == 4
    for line in lines:
        command, properties, message = read(line)
        assert command == "error"
        assert list(properties) == ["file", "line", "title"]
        assert message.startswith("expected: ")
        assert line.isprintable()


@pytest.mark.parametrize("text", [text for text in TEXTS if text.isprintable()], ids=ascii)
def test_what_goes_in_comes_out(text: str) -> None:
    [first, _] = workflow_commands(run(failed(scenarios()[0], text))).splitlines()
    assert read(first)[2].splitlines()[1] == f"seen: seen {text}"
