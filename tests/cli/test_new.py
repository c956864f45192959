"""``testbed new``: what it writes is commented, loads, and holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testbed.lab import preload, run
from testbed.outcome import Result, conclude
from testbed.runner import Runner
from testbed.scenario.load import parse_cases
from testbed.scenario.schema import FILE, schema_text
from testbed.scenario.templates import purpose, templates
from tests.command import testbed, testbed_in

SCHEMA_LINE = "# yaml-language-server: $schema={}\n"


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
    assert printed.stdout == templates()["mailbox"]
    assert file.read_text() == SCHEMA_LINE.format(FILE) + printed.stdout
    assert f"testbed run {file}" in written.stdout
    assert (tmp_path / FILE).read_text() == schema_text()
    assert f"{tmp_path / FILE}: what editors complete and check by" in written.stdout


@pytest.mark.parametrize(
    ("there", "file", "named"),
    [
        ([], "mine.yaml", FILE),
        ([FILE], "mine.yaml", FILE),
        ([FILE], "queue/mine.yaml", f"../{FILE}"),
        ([FILE, f"queue/{FILE}"], "queue/mine.yaml", FILE),
        ([f"queue/{FILE}"], "mine.yaml", FILE),
    ],
    ids=["none there", "there", "above", "there and above", "elsewhere"],
)
def test_a_team_has_one_schema(there: list[str], file: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    for one in there:
        (tmp_path / one).write_text(schema_text())
    written = testbed_in(tmp_path, ["new", "reply", file], {})
    assert written.returncode == 0, written.stderr
    assert (tmp_path / file).read_text().startswith(SCHEMA_LINE.format(named))
    schemas = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob(FILE))
    assert schemas == sorted({*there, os.path.normpath(f"{Path(file).parent}/{named}")})
    assert testbed_in(tmp_path, ["check", "."], {}).stdout.endswith("1 scenario, no mistakes\n")


def test_a_schema_of_another_version_is_left_and_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    written = testbed_in(tmp_path, ["new", "reply", "mine.yaml"], {})
    assert f"{FILE} is of another version. Now: testbed schema > {FILE}" in written.stdout
    assert (tmp_path / FILE).read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("mailbx",), "there is no template 'mailbx'; did you mean 'mailbox'?"),
        (("zzz",), "there is no template 'zzz'; there are cut, "),
        (("mailbox", "there.yaml"), "there.yaml is there already, and is left as it is"),
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
