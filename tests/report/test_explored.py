"""What an exploration has found, as a matrix and as JSON."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from pyarrow.parquet import read_table

from testbed.explore.candidate import Candidate, Point
from testbed.explore.exploration import Found, Tally
from testbed.explore.journal import key_of
from testbed.explore.ran import Breach, Came, Ran
from testbed.explore.since import Since
from testbed.explore.tried import Tried
from testbed.report.console import console
from testbed.report.explored.json_form import exploration_json
from testbed.report.explored.markdown_form import exploration_markdown
from testbed.report.explored.matrix import matrices
from testbed.report.explored.parquet import write_runs
from testbed.report.explored.table import exploration_table
from testbed.scenario.load import load
from tests.conftest import PROJECT

SCENARIO = load(PROJECT / "scenarios" / "delivered.yaml")
MAIL, RETRY = Point("dialogue", "someschool.edu MAIL"), Point("dialogue", "someschool.edu MAIL", 2)
QUESTION = Point("zone", "MX someschool.edu")
BREACH = Breach("no mail is lost", "crepes.fr lost <1@x> of bob@someschool.edu after 2 s", (7, 9))


def tried(point: Point, deed: str, came: Came, *breaches: Breach) -> Tried:
    fault = Candidate(point, deed, {"at": point.what, "nth": point.nth, "deed": deed})
    return Tried((fault,), Ran(0, came, breaches=breaches))


def found(player: str, *singles: Tried) -> Found:
    offered = tuple(fault for one in singles for fault in one.faults)
    return Found(
        SCENARIO,
        player,
        Ran(0, Came.DELIVERED, opened=offered),
        list(singles),
        [one for one in singles if one.ran.came is Came.RED],
        tallies=[Tally("itself"), Tally("single faults", Counter(one.ran.came for one in singles), not_tried=3)],
        played=4,
    )


OURS = found(
    "",
    tried(MAIL, "4yz", Came.DELIVERED),
    tried(MAIL, "5yz", Came.GIVEN_BACK),
    tried(RETRY, "4yz", Came.UNNOTICED),
)
OTHER = found("postfix", tried(MAIL, "4yz", Came.RED, BREACH), tried(QUESTION, "SERVFAIL", Came.RED, BREACH))


def shown(*explorations: Found) -> str:
    written = io.StringIO()
    out = console(written)
    out.width = 120
    exploration_table(out, explorations)
    return written.getvalue()


def test_a_row_is_a_point_and_a_cell_has_a_letter_for_each_player() -> None:
    [dialogue, zone] = matrices([OURS, OTHER])
    assert dialogue.points == (MAIL, RETRY)
    assert dialogue.cells[MAIL, "4yz"] == (Came.DELIVERED, Came.RED)
    assert dialogue.cells[MAIL, "5yz"] == (Came.GIVEN_BACK, None)
    assert zone.cells == {(QUESTION, "SERVFAIL"): (None, Came.RED)}


def test_the_matrix_is_printed_with_its_legend() -> None:
    lines = shown(OURS, OTHER).splitlines()
    row = next(line for line in lines if line.startswith("someschool.edu MAIL "))
    assert row.split() == ["someschool.edu", "MAIL", "dX", "b"]
    assert any("a 4yz  b 5yz  in each cell: ours, postfix" in line for line in lines)
    assert any("returned: bounced" in line for line in lines)


def test_runs_of_one_cause_are_one_row() -> None:
    said = shown(OTHER)
    assert said.count("X no mail is lost") == 1
    assert "(2 runs)" in said
    assert "[frames 7, 9]" in said
    assert "3 were not tried: the time was up" in said


def test_what_is_known_is_told_in_a_word() -> None:
    assert OTHER.first is not None
    since = Since({key_of(one.faults): one.ran for one in OTHER.singles}, OTHER.first)
    known = replace(OTHER, since=since)
    assert known.news == []
    assert "known before (2 runs)" in shown(known)
    assert "tried first: 0 single faults that earlier results lack" in shown(known)
    assert "no earlier results of this scenario: all is new" in shown(replace(OTHER, since=Since({}, OTHER.first)))


def test_it_is_told_where_runs_of_something_else_are_now() -> None:
    moved = replace(OTHER, set_aside=Path("out/runs.1.ndjson"))
    assert "the runs of another scenario or version are now in out/runs.1.ndjson" in shown(moved)


def test_the_matrix_in_markdown_has_a_letter_for_each_player() -> None:
    said = exploration_markdown([[OURS, OTHER]])
    assert "| someschool.edu MAIL | `dX` | `b·` |" in said
    assert "**postfix**: 4 runs, 3 not tried; 1 cause of red." in said
    assert (
        "crepes.fr lost \\<1@x\\> of bob@someschool.edu after 2 s (frames 7, 9), with someschool.edu MAIL: 4yz" in said
    )


def test_every_run_is_a_row_of_parquet(tmp_path: Path) -> None:
    OTHER.runs = {key_of(one.faults): one.ran for one in OTHER.singles} | {"": Ran(0, Came.DELIVERED, told="delivered")}
    write_runs(tmp_path / "runs.parquet", [OTHER])
    rows = read_table(tmp_path / "runs.parquet").to_pylist()
    assert [row["came"] for row in rows] == ["red", "red", "delivered"]
    assert [json.loads(fault) for fault in rows[0]["faults"]] == [dict(OTHER.singles[0].faults[0].fault)]
    assert (rows[0]["what"], rows[0]["why"]) == ([BREACH.what], [BREACH.why])
    assert (rows[2]["faults"], rows[2]["what"], rows[2]["player"]) == ([], [], "postfix")


def test_the_json_counts_what_was_tried_and_what_was_not() -> None:
    document = json.loads(exploration_json([OURS, OTHER]))
    ours, other = document["explorations"]
    assert (ours["points"], ours["runs"], ours["red"], ours["not_tried"]) == (2, 4, [], 3)
    assert (other["player"], other["points"], len(other["red"])) == ("postfix", 2, 1)
    assert other["red"][0]["faults"] == [{"at": "someschool.edu MAIL", "nth": 1, "deed": "4yz"}]
    assert [one["came"] for one in ours["singles"]] == ["delivered", "given back", "unnoticed"]
