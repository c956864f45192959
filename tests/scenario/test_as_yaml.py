"""Data written as YAML are read as the same data, and look as a person would write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.scenario.as_yaml import as_yaml
from testbed.scenario.document import read_document
from testbed.scenario.rewritten import data_of
from testbed.scenario.scenario import Scenario
from tests.scenarios import SCENARIOS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "451 4.3.0 Try again later",
        "6d",
        "1e5",
        "0x1F",
        "null",
        "~",
        "yes",
        "true",
        "- a",
        "a: b",
        "a:",
        ":",
        "-",
        "?",
        "---",
        "a #b",
        "a\nb\n",
        "2026-11-29",
    ]
)
KEYS = TEXTS.map(lambda text: text[:20])
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(10**9), 10**9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
LOOKS = {
    "451 4.3.0 Try again later": "key: 451 4.3.0 Try again later",
    "six: days": 'key: "six: days"',
    "RFC 1047, RFC 5321 §6.1": "key: RFC 1047, RFC 5321 §6.1",
    "6d": "key: 6d",
    "60": 'key: "60"',
    "": 'key: ""',
    "one\ntwo\n": "key: |\n  one\n  two",
    "one\n\ntwo\n": "key: |\n  one\n\n  two",
    "rings\a": 'key: "rings\\u0007"',
    "\x85": 'key: "\\U00000085"',
}


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.sets(KEYS))
def test_what_is_written_is_read_as_the_same(data: dict[str, object], apart: set[str]) -> None:
    assert read_document("written.yaml", as_yaml(data, tuple(apart)) if data else "{}").data == data


@pytest.mark.parametrize("text", LOOKS)
def test_text_is_quoted_only_where_it_must_be(text: str) -> None:
    assert as_yaml({"key": text}) == LOOKS[text] + "\n"


def test_steps_and_faults_stand_in_a_line_each() -> None:
    data = {
        "title": "Mail is lost",
        "hosts": {"crepes.fr": {"role": "relay", "files": {"conf": "a\nb\n"}}, "ns.lab": {}},
        "faults": [{"at": "someschool.edu", "on": "RCPT", "reply": "451 4.3.0 Not now, please", "times": 1}],
        "steps": [{"send": {"to": "bob@someschool.edu", "subject": "a, b"}}, {"wait": "1h"}],
    }
    assert as_yaml(data, ("hosts", "faults", "steps")) == (
        """\
title: Mail is lost

hosts:
  crepes.fr:
    role: relay
    files:
      conf: |
        a
        b
  ns.lab: {}

faults:
  - {at: someschool.edu, on: RCPT, reply: "451 4.3.0 Not now, please", times: 1}

steps:
  - send: {to: bob@someschool.edu, subject: "a, b"}
  - wait: 1h
"""
    )


@pytest.mark.parametrize("scenario", SCENARIOS[::7], ids=lambda scenario: scenario.name)
def test_every_scenario_can_be_written_anew(scenario: Scenario) -> None:
    data = data_of(scenario)
    assert read_document("written.yaml", as_yaml(data, ("hosts", "faults", "steps", "expect"))).data == data
