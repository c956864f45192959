"""``testbed new``: what it writes is commented, loads, and holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.lab import preload, run
from testbed.outcome import Result, conclude
from testbed.runner import Runner
from testbed.scenario.load import parse_cases
from testbed.scenario.templates import purpose, templates
from tests.command import testbed


def test_without_a_name_all_are_listed() -> None:
    shown = testbed("new")
    assert shown.returncode == 0
    for name, text in templates().items():
        assert f"  {name} " in shown.stdout
        assert purpose(text) in shown.stdout


def test_it_is_printed_or_written(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    printed, written = testbed("new", "mailbox"), testbed("new", "mailbox", str(file))
    assert printed.returncode == written.returncode == 0
    assert printed.stdout == file.read_text() == templates()["mailbox"]
    assert f"testbed run {file}" in written.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("mailbx",), "there is no template 'mailbx'; did you mean 'mailbox'?"),
        (("zzz",), "there is no template 'zzz'; there are cut, "),
        (("mailbox", "there.yaml"), "there.yaml already exists and is left unchanged"),
        (("mailbox", "no/such/folder.yaml"), "cannot be written: no such file or directory"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    (tmp_path / "there.yaml").write_text("mine")
    words = [*arguments[:1], *(str(tmp_path / name) for name in arguments[1:])]
    shown = testbed("new", *words)
    assert shown.returncode == 2
    assert complaint in shown.stderr
    assert (tmp_path / "there.yaml").read_text() == "mine"


@pytest.mark.lab
@pytest.mark.parametrize("name", templates())
def test_it_holds(name: str, tmp_path: Path) -> None:
    text = templates()[name]
    assert text.count("#") > 1
    cases = parse_cases(text, f"{name}.yaml")
    preload(cases)
    work = [(case, tmp_path / f"{number}.pcapng") for number, case in enumerate(cases)]
    for played in Runner(run, jobs=2).run(work):
        if played.skipped:
            pytest.skip(played.skipped)
        outcome = conclude(played)
        assert outcome.result is Result.HELD, (outcome.scenario.title, outcome.played.error)
