"""Fewer steps, and shorter waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.explore.reductions.faults import sooner
from testbed.explore.reductions.shorter import shorter
from testbed.explore.variant import Variant

_WAIT = "wait"
_WAITS = ("1s", "1m", "1h", "1d")


def fewer_steps(variant: Variant) -> Iterator[Variant]:
    """Without any wait; without each step, the last first, and its faults where they were, or an event earlier."""
    steps = variant.steps
    waits = [step for step in steps if _is_wait(step)]
    if len(waits) > 1 and len(waits) < len(steps):
        yield variant.with_steps([step for step in steps if not _is_wait(step)])
    for number in reversed(range(len(steps)) if len(steps) > 1 else ()):
        left = variant.with_steps([*steps[:number], *steps[number + 1 :]])
        yield left
        earlier = left.with_faults([sooner(fault) for fault in variant.faults])
        if earlier.faults != left.faults and not _is_wait(steps[number]):
            yield earlier


def shorter_waits(variant: Variant) -> Iterator[Variant]:
    """With one wait shortened to a span that people name, the shortest first."""
    steps = variant.steps
    for number, step in enumerate(steps):
        if isinstance(step, Mapping) and _is_wait(step):
            said = step[_WAIT]
            span = said.get("duration") if isinstance(said, Mapping) else said
            for other in shorter(span, _WAITS):
                yield variant.with_steps([*steps[:number], {_WAIT: other}, *steps[number + 1 :]])


def _is_wait(step: object) -> bool:
    return isinstance(step, Mapping) and set(step) == {_WAIT}
