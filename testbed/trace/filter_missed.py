"""Why filters chose nothing: the words that nothing in a capture has, and those that are nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice

from msgspec import Struct

from testbed.trace.analysis import Analysis
from testbed.trace.filter import Filter, values_of

_MOST_NEAR, _MOST_NAMED = 2_000, 5
_LIKENESS = 0.5


class Missed(Struct, frozen=True):
    """A condition that no connection of a capture meets, and the words that its term has there."""

    condition: Filter
    values: frozenset[str]


def missed(analysis: Analysis, filters: Sequence[Filter]) -> tuple[Missed, ...]:
    """The conditions that no connection meets; none where each is met by some."""
    found = []
    for condition in filters:
        values = values_of(analysis, condition.term)
        if condition.wanted and not values.intersection(condition.words):
            found.append(Missed(condition, frozenset(islice(sorted(values), _MOST_NEAR))))
    return tuple(found)


def told_missed(captures: Sequence[tuple[Missed, ...]]) -> list[str]:
    """A sentence for each condition that nothing meets in any of the captures; one where only all together fail."""
    together: dict[Filter, set[str]] = {}
    for capture in captures:
        for one in capture:
            together.setdefault(one.condition, set()).update(one.values)
    nowhere = [
        (condition, values)
        for condition, values in together.items()
        if all(any(one.condition == condition for one in capture) for capture in captures)
    ]
    if not nowhere:
        return ["no connection passes all filters, although each is passed by some"]
    return [_sentence(condition, sorted(values)) for condition, values in nowhere]


def _sentence(condition: Filter, values: Sequence[str]) -> str:
    text = f"no connection has {condition.term}={','.join(condition.words)}"
    near = get_close_matches(condition.words[0], values, 1, _LIKENESS)
    if near:
        return f"{text}; did you mean '{near[0]}'?"
    named = ", ".join(values[:_MOST_NAMED]) + (" …" if len(values) > _MOST_NAMED else "")
    return f"{text}; there is {named}" if values else f"{text}, or any other {condition.term}"
