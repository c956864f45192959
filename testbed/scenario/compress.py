"""Durations divided, for labs in which programs run: their time is real, and cannot jump."""

from __future__ import annotations

from typing import TypeVar

from testbed.scenario.base import Compressed, Part
from testbed.scenario.marks import marks
from testbed.scenario.scenario import Scenario

_Part = TypeVar("_Part", bound=Part)


def compressed(scenario: Scenario) -> Scenario:
    """The scenario with its durations divided as it asks for, itself where it does not."""
    if scenario.compress == 1:
        return scenario
    by = scenario.compress
    return scenario.model_copy(
        update={
            "hosts": {name: _divided(host, by) for name, host in scenario.hosts.items()},
            "faults": tuple(_divided(fault, by) for fault in scenario.faults),
            "steps": tuple(_divided(step, by) for step in scenario.steps),
            "expect": tuple(_divided(expectation, by) for expectation in scenario.expect),
            "ours": tuple(_divided(expectation, by) for expectation in scenario.ours),
        }
    )


def _divided(part: _Part, by: int) -> _Part:
    found: dict[str, object] = {}
    for field, mark in marks(type(part), Compressed):
        value = getattr(part, field)
        divided = mark.divided(value, by)
        if divided != value:
            found[field] = divided
    for field in type(part).model_fields:
        value = getattr(part, field)
        if isinstance(value, Part) and (divided := _divided(value, by)) is not value:
            found[field] = divided
        elif isinstance(value, tuple) and any(isinstance(one, Part) for one in value):
            found[field] = tuple(_divided(one, by) if isinstance(one, Part) else one for one in value)
    return part.model_copy(update=found) if found else part
