"""The dialogues that prove a machine right, but for servers that have many more states (the Wp-method).

S. Fujiwara et al., "Test selection based on finite state models", IEEE Transactions on Software Engineering 17 (1991).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from testbed.learn.comparison import telling_apart
from testbed.learn.machine import Machine, Word


def suite(machine: Machine, beyond: int) -> Iterator[Word]:
    """Dialogues that are answered as ``machine`` says only by servers that behave so throughout, or have more than
    ``beyond`` states more.

    The machine is minimal, and every state of it can be reached.  The shortest come first.
    """
    cover = machine.ways()
    signs = _signs(machine)
    every_sign = list(dict.fromkeys(sign for found in signs.values() for sign in found)) or [()]
    ways = set(cover.values())
    others = [(*way, name) for way in cover.values() for name in machine.inputs if (*way, name) not in ways]
    for length in range(beyond + 1):
        for middle in product(machine.inputs, repeat=length):
            for way in cover.values():
                for sign in every_sign:
                    yield way + middle + sign
            for way in others:
                for sign in signs[machine.after(way + middle)] or [()]:
                    yield way + middle + sign


def _signs(machine: Machine) -> dict[int, list[Word]]:
    """For each state the dialogues that tell it from all others."""
    states = range(len(machine.steps))
    return {
        one: list(dict.fromkeys(telling_apart(machine, *sorted((one, other))) for other in states if other != one))
        for one in states
    }
