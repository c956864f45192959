"""The runs of an exploration are read back as they were written, however the writing ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import UsageError
from testbed.explore.candidate import Candidate, Point
from testbed.explore.first_run import explored
from testbed.explore.journal import Journal, earlier_runs, key_of, known_runs
from testbed.explore.ran import Breach, Came, Ran
from testbed.scenario.load import load
from tests.conftest import PROJECT

SUBJECT = explored(load(PROJECT / "scenarios" / "delivered.yaml"))
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FAULT = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(0, 10), st.lists(TEXT, max_size=2)), min_size=1, max_size=3)
CANDIDATE = st.builds(Candidate, st.builds(Point, TEXT, TEXT, st.integers(1, 9), st.integers(0, 9)), TEXT, FAULT)
RAN = st.builds(
    Ran,
    st.just(0),
    st.sampled_from(Came),
    TEXT,
    TEXT,
    TEXT,
    st.lists(st.booleans(), max_size=3).map(tuple),
    st.lists(st.builds(Breach, TEXT, TEXT, st.just((1, 2))), max_size=2).map(tuple),
    st.frozensets(TEXT, max_size=3),
    st.lists(CANDIDATE, max_size=2).map(tuple),
    st.floats(0, 100),
    TEXT,
)
FAULTS = st.lists(CANDIDATE, max_size=3).map(tuple)
RUNS = st.lists(st.tuples(FAULTS, RAN), max_size=5, unique_by=lambda one: key_of(one[0]))
Runs = list[tuple[tuple[Candidate, ...], Ran]]


def write(path: Path, runs: Runs) -> dict[str, Ran]:
    journal = Journal(path, SUBJECT)
    for faults, ran in runs:
        journal.note(faults, ran)
    journal.close()
    return {key_of(faults): ran for faults, ran in runs}


@given(RUNS)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[tuple[Candidate, ...], Ran]]
) -> None:
    path = tmp_path_factory.mktemp("runs") / "runs.ndjson"
    assert known_runs(path, SUBJECT) == {}
    written = write(path, runs)
    assert known_runs(path, SUBJECT) == written


@given(RUNS, st.data())
def test_what_was_cut_off_by_a_power_cut_goes_on_with_the_lines_that_are_whole(
    tmp_path_factory: pytest.TempPathFactory, runs: Runs, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("runs") / "runs.ndjson"
    written = write(path, runs)
    octets = path.read_bytes()
    first = octets.index(b"\n") + 1
    path.write_bytes(octets[: data.draw(st.integers(0, len(octets)))])
    kept = known_runs(path, SUBJECT)
    assert kept.items() <= written.items()
    write(path, runs)
    assert known_runs(path, SUBJECT) == written
    assert path.read_bytes()[:first] == octets[:first]


def test_runs_of_another_scenario_are_none_of_ours(tmp_path: Path) -> None:
    write(tmp_path / "runs.ndjson", [((), Ran(0, Came.DELIVERED))])
    other = explored(load(PROJECT / "scenarios" / "mailbox-full.yaml"))
    assert known_runs(tmp_path / "runs.ndjson", other) == {}


def test_runs_of_something_else_keep_a_file_of_their_own(tmp_path: Path) -> None:
    runs = tmp_path / "runs.ndjson"
    other = explored(load(PROJECT / "scenarios" / "mailbox-full.yaml"))
    written = [write(runs, [((), Ran(0, Came.DELIVERED))])]
    for number, subject in enumerate((other, SUBJECT), 1):
        before = runs.read_bytes()
        journal = Journal(runs, subject)
        assert journal.set_aside == tmp_path / f"runs.{number}.ndjson"
        assert journal.set_aside.read_bytes() == before
        journal.note((), Ran(0, Came.QUEUED))
        journal.close()
        assert Journal(runs, subject).set_aside is None
    assert earlier_runs(tmp_path / "runs.1.ndjson") == written[0]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/runs\.ndjson: the runs cannot be written"):
        Journal(tmp_path / "file" / "runs.ndjson", SUBJECT)
