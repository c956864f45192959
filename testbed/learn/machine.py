"""A server's state machine as a client meets it, as a value: what each input is answered in each state."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

Word: TypeAlias = tuple[str, ...]
"""The inputs of one dialogue, in order."""

NOT_SENT = ""
"""The answer to what no client would send in a state, as a message without a 354: it is not asked, and stays there."""

CLOSED = "closed"
"""The server has closed the connection instead of answering."""

SILENT = "silent"
"""It has not answered in time; nothing is asked on such a connection any more."""

ENDS = (CLOSED, SILENT)


class Step(Struct, frozen=True):
    """What an input is answered, and the number of the state that follows."""

    answer: str
    to: int


class Machine(Struct, frozen=True):
    """A Mealy machine; a new connection is in state 0, after the ``greeting``.

    ``steps[state][number]`` is what happens upon ``inputs[number]``.
    """

    greeting: str
    inputs: tuple[str, ...]
    steps: tuple[tuple[Step, ...], ...]

    def answers(self, word: Sequence[str], state: int = 0) -> tuple[str, ...]:
        """What the inputs of a dialogue are answered, one by one."""
        found = []
        for name in word:
            step = self.steps[state][self.inputs.index(name)]
            found.append(step.answer)
            state = step.to
        return tuple(found)

    def after(self, word: Sequence[str]) -> int:
        """The state at the end of a dialogue."""
        state = 0
        for name in word:
            state = self.steps[state][self.inputs.index(name)].to
        return state

    def ways(self) -> dict[int, Word]:
        """A shortest dialogue to every state that can be reached, in breadth-first order."""
        found: dict[int, Word] = {0: ()}
        waiting = deque(found)
        while waiting:
            state = waiting.popleft()
            for name, step in zip(self.inputs, self.steps[state], strict=True):
                if step.to not in found:
                    found[step.to] = (*found[state], name)
                    waiting.append(step.to)
        return found

    def canonical(self) -> Machine:
        """The same behaviour with as few states as can be, numbered breadth-first, ends last.

        Machines that behave alike have equal ones.
        """
        kinds = _kinds(self)
        one_of = {kind: state for state, kind in reversed(list(enumerate(kinds)))}
        merged = Machine(
            self.greeting,
            self.inputs,
            tuple(
                tuple(Step(step.answer, kinds[step.to]) for step in self.steps[one_of[kind]])
                for kind in range(len(one_of))
            ),
        )
        order = {state: number for number, state in enumerate(sorted(merged.ways(), key=merged.is_end))}
        steps = (merged.steps[state] for state in order)
        return Machine(
            self.greeting, self.inputs, tuple(tuple(Step(s.answer, order[s.to]) for s in row) for row in steps)
        )

    def is_end(self, state: int) -> bool:
        """Whether nothing more is said in it; a new connection is none."""
        answers = {step.answer for step in self.steps[state]} - {NOT_SENT}
        stays = all(step.to == state for step in self.steps[state])
        return state != 0 and stays and bool(answers) and answers <= set(ENDS)


def _kinds(machine: Machine) -> list[int]:
    """For each state its kind: states of one kind cannot be told apart; state 0 is of kind 0."""
    kinds = [0] * len(machine.steps)
    while True:
        signs = [
            (kinds[state], tuple((step.answer, kinds[step.to]) for step in row))
            for state, row in enumerate(machine.steps)
        ]
        numbers = {sign: number for number, sign in enumerate(dict.fromkeys(signs))}
        finer = [numbers[sign] for sign in signs]
        if len(numbers) == len(set(kinds)):
            return finer
        kinds = finer
