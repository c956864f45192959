"""What is said of machines, in words."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from testbed.learn.comparison import Difference
from testbed.learn.learnt import Learnt
from testbed.learn.machine import NOT_SENT, Machine, Word
from testbed.plural import count


class Edge(Struct, frozen=True):
    """The inputs that lead from one state to another with the same answer."""

    inputs: tuple[str, ...]
    answer: str
    to: int


def edges(machine: Machine, state: int) -> list[Edge]:
    """What can be said in a state: what leaves it first, by where it leads; what changes nothing last."""
    found = dict[tuple[int, str], list[str]]()
    for name, step in zip(machine.inputs, machine.steps[state], strict=True):
        if step.answer != NOT_SENT:
            found.setdefault((step.to, step.answer), []).append(name)
    told = [Edge(tuple(inputs), answer, to) for (to, answer), inputs in found.items()]
    return sorted(told, key=lambda edge: (edge.to == state, machine.is_end(edge.to), edge.to))


def dialogue(word: Word) -> str:
    """``EHLO, MAIL, RCPT``."""
    return ", ".join(word) or "(connects)"


def state_name(machine: Machine, way: Word) -> str:
    """How a state is reached: ``start``, ``after EHLO, MAIL``."""
    return f"after {dialogue(way)}" if way else "start"


def size(machine: Machine) -> str:
    """``5 states``, without that of a connection that has ended."""
    return count(sum(not machine.is_end(state) for state in range(len(machine.steps))), "state")


def bounds(learnt: Learnt) -> str:
    """What is known, and what is not."""
    held = f"{count(learnt.dialogues, 'dialogue')}, {count(learnt.inputs, 'input')}"
    if not learnt.complete:
        return f"a sketch: asking ended after {held} (--most), before anything was proven"
    more = count(learnt.beyond, "state")
    return f"right unless the server has more than {more} more than these (Wp-method; {held})"


def lines(difference: Difference) -> Iterable[tuple[str, str, str]]:
    """A dialogue step by step: what the client says, and both answers."""
    yield from ((name, answer, answer) for name, answer in zip(difference.dialogue, difference.before, strict=False))
    yield dialogue(difference.dialogue[-1:]), difference.one, difference.other
