"""Fewer faults, and simpler ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from testbed.explore.candidate import FaultData
from testbed.explore.reductions.shorter import shorter
from testbed.explore.variant import Variant

_Part = TypeVar("_Part")
_FEW = 4
_SUPERFLUOUS = (
    "from",
    "nth",
    "connection",
    "chance",
    "phase",
    "larger_than",
    "octet",
    "mail_from",
    "recipient",
    "after",
    "pace",
)
_ONCE = ("at", "zone", "tls")
_IN_PLACE: Mapping[str, Mapping[object, Mapping[str, object]]] = {
    "then": {
        "garble": {"reply": "451 4.3.0 Try again later"},
        "endless": {"reply": "451 4.3.0 Try again later"},
        "drip": {"delay": "1m"},
        "sip": {"then": "stall"},
        "deaf": {"then": "stall"},
        "stall": {"then": "close"},
    },
    "answer": {key: {"answer": "SERVFAIL"} for key in ("REFUSED", "garbled", "wrong-id", "truncated")},
    "is": {key: {"is": "refused"} for key in ("silent", "unreachable")},
}
"""A deed in place of another: one that is easier to imagine, and to stage without this lab."""


def fewer_faults(variant: Variant) -> Iterator[Variant]:
    """With some of the faults only."""
    return map(variant.with_faults, fewer(variant.faults))


def fewer(parts: Sequence[_Part]) -> Iterator[tuple[_Part, ...]]:
    """Every smaller choice among few, the smallest first; else chunks, what is outside of them, and smaller chunks.

    Who goes on from each choice that will do ends with one that nothing can be taken from (A. Zeller, R. Hildebrandt:
    Simplifying and Isolating Failure-Inducing Input, 2002).
    """
    if len(parts) <= _FEW:
        for size in range(len(parts)):
            yield from combinations(parts, size)
        return
    yield ()
    pieces = 2
    while True:
        bounds = [len(parts) * number // pieces for number in range(pieces + 1)]
        chunks = [(bounds[number], bounds[number + 1]) for number in range(pieces)]
        yield from (tuple(parts[start:end]) for start, end in chunks)
        yield from ((*parts[:start], *parts[end:]) for start, end in chunks)
        if pieces == len(parts):
            return
        pieces = min(len(parts), 2 * pieces)


def simpler_faults(variant: Variant) -> Iterator[Variant]:
    """With one fault made simpler."""
    for number, fault in enumerate(variant.faults):
        for other in simpler(fault):
            yield variant.with_faults((*variant.faults[:number], other, *variant.faults[number + 1 :]))


def simpler(fault: FaultData) -> Iterator[FaultData]:
    """Faults that do less, or are easier to imagine; some of them no scenario may have."""
    if any(key in fault for key in _ONCE) and fault.get("times") != 1:
        yield {**fault, "times": 1}
    reply = fault.get("reply")
    lines = reply.splitlines() if isinstance(reply, str) else reply
    if isinstance(lines, list) and len(lines) > 1:
        yield {**fault, "reply": lines[-1]}
    if "reply" in fault and "then" in fault:
        yield _without(fault, "then", "octet")
    if "raw" in fault and "then" in fault:
        yield _without(fault, "raw")
    if "delay" in fault and ("reply" in fault or "then" in fault):
        yield _without(fault, "delay")
    for key, places in _IN_PLACE.items():
        if (other := places.get(fault.get(key))) is not None:
            yield {**_without(fault, key, "pace", "after", "octet"), **other}
            if key == "then" and "then" in other and ("after" in fault or "octet" in fault):
                yield {**fault, **other}
    yield from (_without(fault, key) for key in _SUPERFLUOUS if key in fault)
    for key, spans in (("until", ("1h", "1d")), ("for", ("2s",)), ("delay", ("1m", "31m"))):
        yield from ({**fault, key: span} for span in shorter(fault.get(key), spans))


def sooner(fault: FaultData) -> FaultData:
    """The fault one event earlier."""
    nth = fault.get("nth")
    if not isinstance(nth, int) or nth < 2:
        return fault
    return {**fault, "nth": nth - 1} if nth > 2 else _without(fault, "nth")


def _without(fault: FaultData, *keys: str) -> FaultData:
    return {key: value for key, value in fault.items() if key not in keys}
