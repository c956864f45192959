"""A comparison in its forms, and back again from JSON."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from msgspec.structs import replace
from rich.console import Console

from testbed.explore.ran import Breach
from testbed.outcome import Result
from testbed.report.compared.comparison import Cell, Comparison, Row
from testbed.report.compared.json_form import comparison_json
from testbed.report.compared.markdown_form import comparison_markdown
from testbed.report.compared.table import comparison_table
from testbed.report.compared.words import times
from tests.report.runs import hostile

OURS = Cell("ours", Result.HELD, "delivered", (0.1, 1800.2))
EXIM = Cell("exim", Result.FAILED, "lost", (0.0,), (Breach("no mail is lost", "it is nowhere", (7, 9)),))
AWAY = Cell("haraka", Result.SKIPPED, "skipped", why="it needs Haraka")
LATE = Cell("exim", Result.ERROR, "not over", why="the lab was stopped after 60 s")


def row(*cells: Cell, title: str = "Mail is lost") -> Row:
    return Row("scenarios/lost.yaml", "how=reset", title, "RFC 5321", cells)


def comparison(*rows: Row) -> Comparison:
    return Comparison("relay", ("ours", "exim"), ("the lab's own", "Exim 4.96"), rows)


def shown(found: Comparison, *, whole: bool = False) -> str:
    out = Console(file=io.StringIO(), width=200)
    comparison_table(out, found, whole=whole)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("cells", "differs", "played"),
    [
        ((OURS, EXIM), True, True),
        ((OURS, replace(OURS, player="exim")), False, True),
        ((OURS, replace(OURS, player="exim", words="queued")), True, True),
        ((OURS, AWAY), False, False),
        ((OURS, LATE), False, False),
    ],
)
def test_what_was_not_played_to_its_end_differs_from_nothing(
    cells: tuple[Cell, ...], *, differs: bool, played: bool
) -> None:
    assert (row(*cells).differs, row(*cells).is_played) == (differs, played)


def test_people_see_what_differs_and_why() -> None:
    text = shown(comparison(row(OURS, EXIM), row(OURS, AWAY)))
    assert "✓ delivered" in text
    assert "✗ lost" in text
    assert "no mail is lost: it is nowhere  [frames 7, 9]" in text
    assert "1 scenario compared · 1 differ · 0 alike · exim: 1 broken · 1 not played by them" in text


def test_what_went_alike_is_shown_when_asked_for() -> None:
    alike = comparison(row(OURS, replace(OURS, player="exim"), title="Mail is delivered"))
    assert "Mail is delivered" not in shown(alike)
    assert "Mail is delivered" in shown(alike, whole=True)


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        ((), ""),
        ((0.4,), ""),
        ((0.4, 300.4), "at 0 s, 5 min"),
        ((1.2, 59.4, 5399.8), "at 1 s, 59 s, 1 h 30 min"),
        (tuple(float(60 * n) for n in range(12)), "at 0 s, 1 min, 2 min, 3 min, 4 min, 5 min, 6 min, 7 min, …"),
    ],
)
def test_times_are_told_where_there_was_a_second_try(attempts: tuple[float, ...], words: str) -> None:
    assert times(replace(OURS, attempts_s=attempts)) == words


@given(hostile, hostile)
def test_strangers_text_changes_no_shape(title: str, why: str) -> None:
    cell = replace(EXIM, words=title, breaches=(Breach(title, why, ()),))
    found = comparison(row(OURS, cell, title=title))
    [told] = json.loads(comparison_json(found).encode("utf-8", "backslashreplace"))["rows"]
    assert [one["player"] for one in told["cells"]] == ["ours", "exim"]
    [head, rule, line] = comparison_markdown(found).split("\n")[:3]
    assert line.replace("\\|", "").count("|") == head.count("|") == rule.count("|") == 4


def test_json_tells_all_of_it() -> None:
    document = json.loads(comparison_json(comparison(row(OURS, EXIM), row(OURS, AWAY))))
    assert (document["part"], document["players"], document["titles"]) == (
        "relay",
        ["ours", "exim"],
        ["the lab's own", "Exim 4.96"],
    )
    [[_, lost], [_, away]] = [one["cells"] for one in document["rows"]]
    assert lost == {
        "player": "exim",
        "result": "failed",
        "words": "lost",
        "attempts_s": [0.0],
        "breaches": [{"what": "no mail is lost", "why": "it is nowhere", "frames": [7, 9]}],
        "why": "",
        "trace": "",
    }
    assert (away["result"], away["why"]) == ("skipped", "it needs Haraka")
