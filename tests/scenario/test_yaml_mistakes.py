"""Text that is not YAML: the place of the slip and what to do about it."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.scenario.document import read_document
from testbed.scenario.problems import ScenarioError

QUOTES = "put the value in quotes"
CLOSING = "more text after a closing quote; a quote within quotes is doubled: 'Bob''s'"

SLIPS = {
    "hosts:\n\tcrepes.fr: {}\n": "2:1: indent with spaces, not with tabs",
    "steps:\n  - a\n\t- b\n": "3:1: indent with spaces, not with tabs",
    "title: [\n": "1:8: this '[' is not closed",
    "title: [a, b\nsteps: x\n": "1:8: this '[' is not closed",
    "title: [a, {b: c\n": "1:12: this '{' is not closed",
    "title: [a, {b: [c], d: e\n": "1:12: this '{' is not closed",
    "title: [b#c\n": "1:8: this '[' is not closed",
    "steps:\n  - send: {to: bob\nexpect:\n  - a: b\n": "2:11: this '{' is not closed",
    "expect:\n  - {a: [b, c}\n": "2:14: ',' or ']' is missing here: the '[' at column 9 is still open",
    "a: {b: c: d}\n": "1:9: ',' or '}' is missing here: the '{' at column 4 is still open",
    "steps:\n  - a: {b: c}}\n": "2:14: this '}' closes nothing",
    "a: [b]]\n": "1:7: this ']' closes nothing",
    "a: [\n- b\n]\n": "2:1: an item with a dash cannot stand in brackets; write [a, b]",
    "title: 'x\n": "1:8: this quote, ', is not closed",
    'title: "x\nsteps: y\n': '1:8: this quote, ", is not closed',
    "title: 'Bob's mailbox'\n": f"1:13: {CLOSING}",
    "'a' b: c\n": f"1:5: {CLOSING}",
    'title: "\\q"\n': "1:10: '\\q' means nothing in double quotes; use single quotes",
    'title: "\\xzz"\n': "1:11: a backslash stands before something other than an escape; use single quotes",
    "title: a: b\n": f"1:9: a second colon on one line; {QUOTES}",
    "title:T\nsteps: x\n": "2:6: a key cannot stand here; the line above has no space after its colon",
    "a\nb: c\n": "2:2: a key cannot stand here; the line above has no colon",
    "title: T\n about: x\n": "2:7: this line is indented deeper than the one above, which has a value already",
    "hosts:\n    a: 1\n  b: 2\n": "3:3: this line is indented like none above it that it could belong to",
    "steps:\n  - a\n - b\n": "3:2: this line is indented like none above it that it could belong to",
    f"{'k' * 1100}: 1\n": "1:1101: a key is longer than 1,024 characters",
    "title: T\nsteps\n": "2:1: this line is neither 'key: value' nor '- item'",
    "hosts:\n  a: 1\n  b\nexpect: x\n": "3:3: this line is neither 'key: value' nor '- item'",
    "steps: - a\n": "1:8: a list begins on a line of its own, or is written [a, b]",
    "steps:\n  - a\n  b: c\n": "3:3: this is not an item of the list above; items begin with '- '",
    "a: b\n- c\n": "2:1: an item of a list stands among keys; a list belongs under a key",
    "title: @x\n": f"1:8: a value cannot begin with '@'; {QUOTES}",
    "title: `x\n": f"1:8: a value cannot begin with '`'; {QUOTES}",
    "title: %x\n": f"1:8: a value cannot begin with '%'; {QUOTES}",
    "title: [:\n": f"1:9: a value cannot begin with ':'; {QUOTES}",
    "title: ,x\n": f"1:8: a value cannot begin with ','; {QUOTES}",
    "title: &\n": f"1:8: a value cannot begin with '&'; {QUOTES}",
    "title: *\n": f"1:8: a value cannot begin with '*'; {QUOTES}",
    "title: !<x\n": f"1:8: a value cannot begin with '!'; {QUOTES}",
    "title: >x\n": f"1:8: a value cannot begin with '>'; {QUOTES}",
    "title: *x\n": f"1:8: there is no anchor '&x'; if it is a plain value, {QUOTES}",
    "a: !%aa b\n": "1:4: a value cannot begin with '!'; put the value in quotes",
    "%TAG ! %aa\n---\na: b\n": "1:8: a line cannot begin with '%'",
    "a: !e!x b\n": "1:4: the tag '!e!' is not allowed here",
    "[:": "1:2: a value cannot begin with ':'; put the value in quotes",
    "-\n?": "2:1: a value cannot begin with '?'; put the value in quotes",
    "%x\n": "2:1: a line cannot begin with '%'",
    "%\n": "1:2: a line cannot begin with '%'",
    "title: a\0b\n": "1:9: the character U+0000 is not allowed",
}


@pytest.mark.parametrize(("text", "said"), SLIPS.items(), ids=[text[:40] for text in SLIPS])
def test_a_slip_has_its_place_and_remedy(text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_document("f", text)
    (problem,) = caught.value.problems
    assert str(problem) == "f:" + said.replace(": ", ": this is not YAML: ", 1)


def test_an_anchor_given_twice_is_the_later_one_from_there_on() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document = read_document("f", "a: &x 1\nb: &x 2\nc: *x\n")
    assert document.data == {"a": 1, "b": 2, "c": 2}


def _told(text: str) -> list[str]:
    try:
        read_document("f", text)
    except ScenarioError as error:
        return [problem.message for problem in error.problems]
    return []


@given(st.text(alphabet="ab:-[]{}'\"\\&*!|>%@,#?\t\n ", max_size=40))
def test_no_slip_is_told_in_the_words_of_a_grammar(text: str) -> None:
    assert [
        words for words in _told(text) if any(word in words for word in ("while ", "<block", "<stream", "<scalar"))
    ] == []
