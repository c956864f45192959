"""Durations divided, for labs in which programs run: their time is real, and cannot jump."""

from __future__ import annotations

from typing import TypeVar

from testbed.durations import MILLISECOND, SECOND
from testbed.scenario.base import Part
from testbed.scenario.scenario import Scenario

_LEAST_NS = MILLISECOND
_LEAST_LIMIT_NS = 2 * SECOND
_KEYS = (
    *("duration", "retry", "stay"),  # of steps
    *("from_", "until", "restart"),  # of faults
    *("give_up", "warn_after", "greylist"),  # of hosts
    *("within", "at_least", "at_most"),  # of expectations
)
_LIMITS = ("within", "at_most")
"""No shorter than two seconds: machines take their time, which no compression makes less."""
"""What people wait for.  What machines wait for stays: timeouts, delays on the wire, the time of a talk."""

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
        }
    )


def _divided(part: _Part, by: int) -> _Part:

    update: dict[str, object] = {}
    for key in _KEYS:
        value = getattr(part, key, None)
        if key not in type(part).model_fields or key in _COUNTS.get(part.__class__.__name__, ()):
            continue
        if isinstance(value, int) and value:
            update[key] = max(min(value, _LEAST_LIMIT_NS) if key in _LIMITS else _LEAST_NS, value // by)
        elif isinstance(value, tuple):
            update[key] = tuple(max(_LEAST_NS, one // by) for one in value)
    rate = getattr(part, "rate_limit", None)
    if isinstance(rate, tuple):
        update["rate_limit"] = (rate[0], max(_LEAST_NS, rate[1] // by))
    return part.model_copy(update=update) if update else part


_COUNTS = {"Attempts": ("at_least", "at_most")}
"""Keys of these names that count something."""
