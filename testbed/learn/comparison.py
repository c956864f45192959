"""Where two state machines differ: the shortest dialogues that are answered differently."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from testbed.learn.machine import Machine, Word


class Difference(Struct, frozen=True):
    """A dialogue whose last input two servers answer differently, ``one`` and ``other``; all before it alike.

    An empty ``dialogue`` is that of the greetings.
    """

    dialogue: Word
    before: tuple[str, ...]
    one: str
    other: str


def differences(one: Machine, other: Machine) -> tuple[Difference, ...]:
    """For each input that is ever answered differently the shortest dialogue that shows it, shortest first.

    None where the machines behave alike.  Both have the same inputs.
    """
    found = dict[str, Difference]()
    if one.greeting != other.greeting:
        found[""] = Difference((), (), one.greeting, other.greeting)
    ways: dict[tuple[int, int], Word] = {(0, 0): ()}
    waiting = deque(ways)
    while waiting:
        states = waiting.popleft()
        way = ways[states]
        for name, here, there in zip(one.inputs, one.steps[states[0]], other.steps[states[1]], strict=True):
            after = here.to, there.to
            if here.answer != there.answer:
                found.setdefault(name, Difference((*way, name), one.answers(way), here.answer, there.answer))
            elif after not in ways:
                ways[after] = (*way, name)
                waiting.append(after)
    return tuple(sorted(found.values(), key=lambda difference: len(difference.dialogue)))


def telling_apart(machine: Machine, one: int, other: int) -> Word:
    """A shortest dialogue that is answered differently in two states; empty where there is none."""
    ways: dict[tuple[int, int], Word] = {(one, other): ()}
    waiting = deque(ways)
    while waiting:
        states = waiting.popleft()
        for name, here, there in zip(machine.inputs, *(machine.steps[state] for state in states), strict=True):
            way = (*ways[states], name)
            if here.answer != there.answer:
                return way
            if (here.to, there.to) not in ways:
                ways[here.to, there.to] = way
                waiting.append((here.to, there.to))
    return ()
