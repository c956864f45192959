"""Spans of time as scenarios write them, and which of some are shorter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.scenario.units import parse_duration


def shorter(span: object, others: Iterable[str]) -> Iterator[str]:
    """Those of the others that are shorter than a span; none where that is none."""
    try:
        most = parse_duration(span)
    except ValueError:
        return
    yield from (other for other in others if parse_duration(other) < most)
