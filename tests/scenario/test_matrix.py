"""The matrix of a file: what its keys multiply, what 'exclude' takes away, what 'include' adds."""

from __future__ import annotations

import json

import pytest

from testbed.scenario.document import read_document
from testbed.scenario.load import parse_cases
from testbed.scenario.matrix import combinations, in_words
from testbed.scenario.problems import ScenarioError

REST = """
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
"""


def cases(matrix: str, uses: str = "$a $b $c") -> list[str]:
    return [case.case for case in parse_cases(f"title: {uses}\nmatrix: {matrix}{REST}")]


@pytest.mark.parametrize(
    ("matrix", "found"),
    [
        ('{"a, b": [[1, 2], [3, 4]], c: [x, y]}', ["1 2 x", "1 2 y", "3 4 x", "3 4 y"]),
        ('{c: [x, y], "a,b": [[1, 2], [3, 4]]}', ["1 2 x", "3 4 x", "1 2 y", "3 4 y"]),
        ("{a: [1, 2], b: [3, 4], c: [5], exclude: [{a: 1, b: 3}]}", ["1 4 5", "2 3 5", "2 4 5"]),
        ("{a: [1, 2], b: [3, 4], c: [5], exclude: [{a: 1}, {b: 3}]}", ["2 4 5"]),
        ("{a: [1, 2], b: [3, 4], c: [5], exclude: [{a: '1'}]}", ["2 3 5", "2 4 5"]),
        ("{include: [{a: 1, b: 2, c: 3}, {a: 4, b: 5, c: 6}]}", ["1 2 3", "4 5 6"]),
        ("{a: [1, 2], include: [{b: 3, c: 4}]}", ["1 3 4", "2 3 4"]),
        ("{a: [1, 2], include: [{b: 3, c: 4}, {a: 2, c: 5}]}", ["1 3 4", "2 3 5"]),
        ("{a: [1, 2], b: [3], c: [4], include: [{a: 5, b: 3, c: 4}]}", ["1 3 4", "2 3 4", "5 3 4"]),
        ("{a: [1, 2], b: [3], include: [{c: 4}, {a: 5, b: 6, c: 7}, {a: 5, b: 6, c: 8}]}", "1 3 4,2 3 4,5 6 7,5 6 8"),
        ("{a: [1], b: [2], c: [3], exclude: [{a: 1}], include: [{a: 4, b: 5, c: 6}]}", ["4 5 6"]),
        ("{a: [1, 2], b: [3], c: [4], exclude: [{a: 2}], include: [{a: 2, b: 5, c: 6}]}", ["1 3 4", "2 5 6"]),
    ],
)
def test_which_cases_there_are(matrix: str, found: list[str] | str) -> None:
    titles = [case.title for case in parse_cases(f"title: $a $b $c\nmatrix: {matrix}{REST}")]
    assert titles == (found.split(",") if isinstance(found, str) else found)


def test_a_case_is_named_after_its_parameters_in_the_order_of_the_file() -> None:
    assert cases('{"a, b": [[1, x]], include: [{c: true}]}') == ["a=1, b=x, c=True"]


def test_what_github_writes_of_its_matrix_holds_here() -> None:
    """The example in the documentation of GitHub Actions, "Expanding or adding matrix configurations"."""
    document = read_document(
        "workflow.yaml",
        """
matrix:
  fruit: [apple, pear]
  animal: [cat, dog]
  include:
    - color: green
    - {color: pink, animal: cat}
    - {fruit: apple, shape: circle}
    - {fruit: banana}
    - {fruit: banana, animal: cat}
""",
    )
    assert isinstance(document.data, dict)
    assert [in_words(one) for one in combinations(document, document.data["matrix"])] == [
        "fruit=apple, animal=cat, color=pink, shape=circle",
        "fruit=apple, animal=dog, color=green, shape=circle",
        "fruit=pear, animal=cat, color=pink",
        "fruit=pear, animal=dog, color=green",
        "fruit=banana",
        "fruit=banana, animal=cat",
    ]


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ("{a: [1, 2], exclude: [{a: 3}]}", "2:31: this excludes nothing: no combination has a=3"),
        ("{a: [1], b: [2], exclude: [{a: 1, b: 3}]}", "2:36: this excludes nothing: no combination has a=1, b=3"),
        ("{a: [1], b: [2], exclude: [{a: 1}]}", "2:35: 'exclude' leaves no case"),
        ("{a: [1], exclude: [{aa: 1}]}", "2:29: 'aa' has no list in the matrix (did you mean 'a'?)"),
        ("{exclude: [{a: 1}]}", "2:21: 'a' has no list in the matrix"),
        ("{a: [1], exclude: {a: 1}}", "2:27: 'exclude' is a list of 1 to 500 mappings: [{command: MAIL, how: reset}]"),
        ("{a: [1], include: []}", "2:27: 'include' is a list of 1 to 500 mappings"),
        ("{a: [1], include: [1]}", "2:28: parameters and their values go here: {command: MAIL, how: reset}"),
        ("{a: [1], include: [{}]}", "2:28: parameters and their values go here"),
        ("{a: [1], include: [{b: [1]}]}", "2:32: a value of the matrix is a word or a number"),
        ("{a: [1], include: [{b c: 1}]}", "2:29: 'b c' is not the name of a parameter"),
        ("{a: [1], include: [{a: 1}]}", "2:28: this adds nothing: a=1 is there already"),
        ("{a: [1], include: [{b: 2}, {b: 2}]}", "2:36: this adds nothing: b=2 is there already"),
        ("{include: [{a: 1}, {a: 1}]}", "2:28: this adds nothing: a=1 is there already"),
        ("{include: }", "2:9: the matrix lists no values"),
        ("{a: [1], include: [{b: 2, d: 3}]}", "2:38: '$d' stands nowhere in the file"),
        ("{a: [1, 2], include: [{a: 2, b: 3}]}", "1:8: '$b' has no value where a=1; let 'include' give it one"),
        ('{"a, b": [[1, 2], [3]]}', "2:27: each value of 'a, b' is a list of 2 values"),
        ('{"a, b": [[1, 2], 3]}', "2:27: each value of 'a, b' is a list of 2 values"),
        ('{"a, b": [[1, 2], [1, "2"]]}', "2:27: '1, 2' is listed twice"),
        ('{"a, b": [[1, [2]]]}', "2:19: a value of the matrix is a word or a number"),
        ('{"a, b": [[1, 2]], b: [3]}', "2:28: 'b' has its values from another key already"),
        ('{"a, a": [[1, 2]]}', "2:10: 'a' has its values from another key already"),
        ('{"a,": [[1, 2]]}', "2:10: '' is not the name of a parameter"),
        ("{a: [[1, 2]], b: [3]}", "word or a number; the parameters of several are named in the key: 'a, b'"),
    ],
)
def test_mistakes_are_told_with_their_place(matrix: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        cases(matrix, "$a $b")
    assert complaint in str(raised.value)


def test_no_more_cases_than_a_file_may_have() -> None:
    added = json.dumps([{"a": number} for number in range(2, 502)])
    with pytest.raises(ScenarioError, match="501 cases are too many for one file; the limit is 500"):
        cases(f"{{a: [1], include: {added}}}", "$a")
