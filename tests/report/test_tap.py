"""TAP 14, read as its specification says: https://testanything.org/tap-version-14-specification.html"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from ruamel.yaml import YAML

from testbed.report.tap import tap
from tests.report.runs import broken, every_kind, failed, held, hostile, run, scenarios, skipped

POINT = re.compile(r"(not )?ok (\d+) - (.*)")
DIRECTIVE = re.compile(r"(?i)(skip|todo)\S*(?:\s+(.*))?")


@dataclass
class Point:
    ok: bool
    number: int
    description: str
    directive: str = ""
    reason: str = ""
    diagnosis: dict[str, Any] = field(default_factory=dict)


def read(document: str) -> tuple[str, list[Point], str]:
    """The plan, the test points and the reason to bail out; anything else is refused."""
    lines = document.split("\n")
    assert lines.pop(0) == "TAP version 14"
    assert lines.pop() == ""
    plan, bail, points = lines.pop(0), "", list[Point]()
    while lines:
        line = lines.pop(0)
        if line == "  ---":
            end = lines.index("  ...")
            assert all(inner.startswith("  ") for inner in lines[:end])
            points[-1].diagnosis = YAML(typ="safe").load("\n".join(inner[2:] for inner in lines[:end]))
            del lines[: end + 1]
        elif line.startswith("Bail out! "):
            bail = line.removeprefix("Bail out! ")
        else:
            points.append(_point(line))
    count = re.fullmatch(r"1\.\.(\d+)( # .+)?", plan)
    assert count is not None
    assert [point.number for point in points] == list(range(1, int(count[1]) + 1))
    return plan, points, bail


def _point(line: str) -> Point:
    found = POINT.fullmatch(line)
    assert found is not None, f"this is no TAP: {line!r}"
    parts = re.split(r"(?<=\s)#(?=\s)", re.sub(r"\\(.)", lambda m: f"\0{ord(m[1])}\0", found[3]), maxsplit=1)
    description, told = (re.sub("\0(\\d+)\0", lambda m: chr(int(m[1])), part) for part in (*parts, "")[:2])
    directive = DIRECTIVE.fullmatch(told.strip())
    assert not told or directive is not None
    point = Point(not found[1], int(found[2]), description.rstrip())
    if directive is not None:
        point.directive, point.reason = directive[1].upper(), directive[2]
    return point


def test_a_line_per_scenario_and_why_it_is_red() -> None:
    bob, carol = scenarios()
    other = scenarios(file="scenarios/other.yaml")[0]
    plan, points, bail = read(tap(run(held(bob), failed(carol, "nothing"), skipped(other, "it needs #1"))))
    assert (plan, bail) == ("1..3", "")
    good, bad, left = points
    assert good == Point(True, 1, "Mail is delivered [who=bob] (scenarios/one.yaml)")
    assert (left.ok, left.directive, left.reason) == (True, "SKIP", "it needs #1")
    assert not bad.ok
    assert bad.diagnosis["message"] == "bounced nothing: seen nothing"
    assert bad.diagnosis["at"] == {"file": "scenarios/one.yaml", "line": 5}
    assert bad.diagnosis["trace"] == "traces/one.pcapng"
    assert bad.diagnosis["look"] == "testbed inspect traces/one.pcapng"
    first, second = bad.diagnosis["failures"]
    assert first["written"] == "- bounced: {to: alice@crepes.fr}"
    assert first["frames"] == [31, 58]
    assert (second["expected"], second["seen"]) == ("no mail is lost", "nothing")


def test_a_run_that_could_not_go_on_bails_out() -> None:
    assert read(tap(run(skipped(scenarios()[0], "x"), interrupted=True)))[2] == "interrupted"
    refused = broken(scenarios()[0], "no TUN")
    nowhere = type(refused)(type(refused.played)(refused.scenario, None, 0.1, "no TUN", no_lab=True), None, None)
    assert read(tap(run(nowhere)))[2] == "no TUN"


def test_an_empty_shard_skips_everything() -> None:
    assert tap(run(shard="5/5")) == "TAP version 14\n1..0 # no scenario in shard 5/5\n"


@settings(max_examples=60)
@given(hostile)
def test_whatever_strangers_say_there_are_as_many_tests_as_scenarios(text: str) -> None:
    document = tap(every_kind(text))
    _, points, bail = read(document)
    assert [point.ok for point in points] == [False, False, True, True, False]
    assert [point.directive for point in points] == ["", "", "SKIP", "", ""]
    assert bail == "interrupted"
    assert "##[" not in document
