"""What the tool takes an editor takes, too: over the catalogue, as it is and with random changes."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from testbed.scenario.load import try_cases
from testbed.scenario.problems import ScenarioError
from testbed.scenario.reach import Reach
from testbed.scenario.schema import schema
from tests.conftest import PROJECT

FILES = sorted((PROJECT / "scenarios").rglob("*.yaml"))
CHANGES: dict[str, Any] = {
    "a number": 450,
    "nothing": None,
    "a word": "stall",
    "true": True,
    "a share": 0.5,
    "an empty list": [],
    "an empty mapping": {},
    "a duration": "30m",
}

Place = tuple[str | int, ...]


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


@cache
def document(number: int) -> Any:
    """As an editor reads it: numbers are numbers."""
    return YAML(typ="safe").load(FILES[number].read_text("utf-8"))


def places(value: object, above: Place = ()) -> Iterator[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*above, key)
        yield from places(one, (*above, key))


@pytest.mark.parametrize("number", range(len(FILES)), ids=lambda number: FILES[number].stem)
def test_an_editor_takes_the_catalogue(number: int) -> None:
    assert [error.message for error in validator().iter_errors(document(number))] == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_editor_takes_what_the_tool_takes(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(FILES) - 1))
    changed = copy.deepcopy(document(number))
    *above, last = data.draw(st.sampled_from([*places(changed)]))
    holder = changed
    for key in above:
        holder = holder[key]
    change = data.draw(st.sampled_from(["left out", "as text", "in a list", *CHANGES]))
    value = holder.pop(last) if change == "left out" else holder[last]
    if change != "left out":
        holder[last] = {"as text": str(value), "in a list": [value]}.get(change, CHANGES.get(change))
    text = io.StringIO()
    YAML(typ="safe").dump(changed, text)
    try:
        cases = try_cases(text.getvalue(), str(FILES[number]), Reach(anywhere=True))
    except ScenarioError:
        return
    if not any(isinstance(one, ScenarioError) for one in cases):
        read = YAML(typ="safe").load(text.getvalue())
        assert [error.message for error in validator().iter_errors(read)] == [], json.dumps(changed, indent=1)
