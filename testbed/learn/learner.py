"""Learning a server's state machine by asking it: AALpy guesses, the Wp-method looks for what the guess has wrong.

M. Kearns and U. Vazirani, "An Introduction to Computational Learning Theory" (1994), chapter 8.  This file is imported
only where AALpy is installed.
"""

from __future__ import annotations

from collections.abc import Sequence

from aalpy import SUL, MealyMachine, Oracle, run_KV

from testbed.learn.asked import Asked, EnoughError
from testbed.learn.learnt import Learnt, Progress
from testbed.learn.machine import NOT_SENT, Machine, Step, Word
from testbed.learn.suite import suite


def learn(
    asked: Asked, inputs: Sequence[str], beyond: int, progress: Progress = lambda states, dialogues: None
) -> Learnt:
    """Ask until the machine is proven for servers with up to ``beyond`` states more, or no more may be asked.

    Raises LabError when the server does not answer alike.
    """
    server = _Server(asked)
    proof = _Proof(inputs, server, beyond, progress)
    complete = True
    try:
        run_KV(list(inputs), server, proof, "mealy", cache_and_non_det_check=False, print_level=0)
    except EnoughError:
        complete = False
    return Learnt(proof.guess, beyond, complete, asked.dialogues, asked.inputs)


class _Server(SUL):  # type: ignore[misc]
    """A server as AALpy asks it."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked
        self._word: Word = ()

    def query(self, word: Sequence[str]) -> list[str]:
        """A whole dialogue at once."""
        return list(self.asked.answers(tuple(word)))

    def pre(self) -> None:
        """Begin a dialogue."""
        self._word = ()

    def step(self, letter: str) -> str:
        """Say one more thing in it."""
        self._word = (*self._word, letter)
        return self.asked.answers(self._word)[-1]

    def post(self) -> None:
        """End it: connections are closed already."""


class _Proof(Oracle):  # type: ignore[misc]
    """Looks for a dialogue that is answered otherwise than by a guess; ``guess`` is the last, canonical."""

    def __init__(self, inputs: Sequence[str], server: _Server, beyond: int, progress: Progress) -> None:
        super().__init__(list(inputs), server)
        self.guess = Machine("", tuple(inputs), (tuple(Step(NOT_SENT, 0) for _ in inputs),))
        self._asked = server.asked
        self._beyond = beyond
        self._progress = progress

    def find_cex(self, hypothesis: MealyMachine) -> Word | None:
        """The dialogue up to where it is answered otherwise, None where none is found."""
        self.guess = _machine(hypothesis, self._asked.greeting, self.guess.inputs)
        for word in suite(self.guess, self._beyond):
            self._progress(len(self.guess.steps), self._asked.dialogues)
            expected = self.guess.answers(word)
            for number, (answer, said) in enumerate(zip(self._asked.answers(word), expected, strict=True)):
                if answer != said:
                    return word[: number + 1]
        return None


def _machine(hypothesis: MealyMachine, greeting: str, inputs: tuple[str, ...]) -> Machine:
    """The canonical form of one of AALpy's."""
    first = hypothesis.initial_state
    states = [first, *(state for state in hypothesis.states if state is not first)]
    numbers = {id(state): number for number, state in enumerate(states)}
    steps = (
        tuple(Step(state.output_fun[name], numbers[id(state.transitions[name])]) for name in inputs) for state in states
    )
    return Machine(greeting, inputs, tuple(steps)).canonical()
