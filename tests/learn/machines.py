"""Machines of all kinds, for properties that hold for any."""

from __future__ import annotations

from hypothesis import strategies as st

from testbed.learn.machine import CLOSED, NOT_SENT, Machine, Step

INPUTS = ("A", "B", "C")


REPLIES = ("250", "503")
ANSWERS = (*REPLIES, CLOSED, NOT_SENT)


def machines(
    most_states: int = 5, inputs: tuple[str, ...] = INPUTS, answers: tuple[str, ...] = REPLIES
) -> st.SearchStrategy[Machine]:
    """Machines with a few states, some of which may be alike, or never reached."""

    def with_states(number: int) -> st.SearchStrategy[Machine]:
        step = st.builds(Step, st.sampled_from(answers), st.integers(0, number - 1))
        row = st.tuples(*[step] * len(inputs))
        rows = st.lists(row, min_size=number, max_size=number).map(tuple)
        return st.builds(Machine, st.just("220"), st.just(inputs), rows)

    return st.integers(1, most_states).flatmap(with_states)


def words(inputs: tuple[str, ...] = INPUTS) -> st.SearchStrategy[tuple[str, ...]]:
    """Dialogues."""
    return st.lists(st.sampled_from(inputs), max_size=12).map(tuple)
