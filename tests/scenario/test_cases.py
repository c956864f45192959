"""One file, many scenarios: the parameters of a matrix stand wherever their names do."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.scenario.faults import DialogueFault, WireFault
from testbed.scenario.load import parse, parse_cases
from testbed.scenario.problems import ScenarioError

REST = """
steps:
  - send: {to: bob@someschool.edu, subject: "costs $5"}
expect:
  - delivered: {to: bob@someschool.edu}
"""


def test_a_scenario_for_each_combination_in_order() -> None:
    text = """
title: Cut at $command ($how)
matrix: {command: [MAIL, RCPT], how: [reset, close]}
faults:
  - {at: someschool.edu, on: $command, then: $how}
"""
    cases = parse_cases(text + REST)
    assert [(case.title, case.case) for case in cases] == [
        ("Cut at MAIL (reset)", "command=MAIL, how=reset"),
        ("Cut at MAIL (close)", "command=MAIL, how=close"),
        ("Cut at RCPT (reset)", "command=RCPT, how=reset"),
        ("Cut at RCPT (close)", "command=RCPT, how=close"),
    ]
    for case in cases:
        [fault] = case.faults
        assert isinstance(fault, DialogueFault)
        assert f"command={fault.on}, how={fault.then}" == case.case
        assert fault.line == 5


def test_a_parameter_alone_keeps_its_type_and_others_are_put_into_text() -> None:
    text = """
title: Loss
matrix: {times: [1, 2]}
about: lost ${times}x
faults:
  - {between: [crepes.fr, someschool.edu], packets: SYN, lose: $times}
"""
    cases = parse_cases(text + REST)
    assert [case.title for case in cases] == ["Loss [times=1]", "Loss [times=2]"]
    assert [case.about for case in cases] == ["lost 1x", "lost 2x"]
    assert [fault.lose for case in cases for fault in case.faults if isinstance(fault, WireFault)] == [1, 2]
    assert cases[0].steps[0].subject == "costs $5"


def test_without_a_matrix_a_dollar_is_a_dollar() -> None:
    [case] = parse_cases("title: It costs $times" + REST)
    assert (case.title, case.case) == ("It costs $times", "")


def test_a_value_may_hold_what_separates_others() -> None:
    [case] = parse_cases("title: $who\nmatrix: {who: ['a, b=c, d']}" + REST, "some.yaml")
    assert case.name == "some-a-b-c-d"


def test_of_a_long_name_what_tells_the_cases_apart_is_enough() -> None:
    matrix = "title: $who says $what\nmatrix:\n  who: [Alice, Bob]\n  include: [{what: $long}, {who: Bob, what: no}]\n"
    short = parse_cases(matrix.replace("$long", "x" * 75) + REST, "some.yaml")
    assert [case.name for case in short] == ["some-Alice-" + "x" * 75, "some-Bob-no"]
    long = parse_cases(matrix.replace("$long", "x" * 76) + REST, "some.yaml")
    assert [case.name for case in long] == ["some-Alice", "some-Bob"]
    assert long[0].case == f"who=Alice, what={'x' * 76}"
    alike = parse_cases(f"title: $a\nmatrix: {{a: [{'x' * 81}], b: [1, 2]}}\nabout: of $b" + REST, "some.yaml")
    assert [case.name for case in alike] == [f"some-{'x' * 81}-1", f"some-{'x' * 81}-2"]


def test_one_case_is_asked_for_by_its_name() -> None:
    text = "title: $who\nmatrix: {who: [a, b]}" + REST
    assert parse(text, case="who=b").title == "b"
    with pytest.raises(ScenarioError, match="2 cases"):
        parse(text)


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ("[a]", "2:9: 'matrix' is a mapping of parameters to lists"),
        ("{}", "2:9: 'matrix' is a mapping of parameters to lists"),
        ("{who: a}", "2:15: 'who' must be a list of at least one value"),
        ("{who: []}", "2:15: 'who' must be a list of at least one value"),
        ("{who: [[a]]}", "2:16: a value of the matrix is a word or a number"),
        ("{who: [a, a]}", "2:19: 'a' is listed twice"),
        ("{'w o': [a]}", "2:10: 'w o' is not the name of a parameter"),
        ("{who: [a], other: [b]}", "2:27: '$other' stands nowhere in the file"),
        (f"{{who: {list(range(30))}, x: {list(range(30))}}}", "900 cases are too many for one file"),
    ],
)
def test_mistakes_are_told_with_their_place(matrix: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse_cases(f"title: $who\nmatrix: {matrix}" + REST)
    assert complaint in str(raised.value)


def test_a_wrong_value_is_told_where_it_is_used() -> None:
    text = "title: x\nmatrix: {how: [reset, smash]}\nfaults:\n  - {at: someschool.edu, on: MAIL, then: $how}" + REST
    with pytest.raises(ScenarioError) as raised:
        parse_cases(text)
    assert [(problem.line, problem.message) for problem in raised.value.problems] == [
        (
            4,
            "'smash' is not one of close, reset, stall, deaf, sip, drip, garble, endless, crash"
            " (did you mean 'crash'?)",
        )
    ]


def test_a_name_leaves_room_for_what_file_names_add_and_stays_one_of_a_kind(tmp_path: Path) -> None:
    values = ["x" * 300, "x" * 300 + "y", "é" * 150]
    included = [{"who": value, "number": number} for number, value in enumerate(values)]
    text = f"title: Number $number\nabout: $who\nmatrix: {{include: {included}}}"
    cases = parse_cases(text + REST, "some.yaml")
    assert len({case.name for case in cases}) == 3
    for case in cases:
        assert len(case.name.encode()) <= 200
        (tmp_path / f"001-{case.name}.ours.pcapng").touch()
        assert case.name.startswith(("some-xxx", "some-ééé"))
