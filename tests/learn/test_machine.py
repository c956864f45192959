"""Machines as values: their canonical form, where two differ, and which dialogues prove one right."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from testbed.learn.comparison import differences, telling_apart
from testbed.learn.machine import CLOSED, NOT_SENT, Machine, Step
from testbed.learn.suite import suite
from tests.learn.machines import ANSWERS, INPUTS, machines, words

Rows = tuple[tuple[Step, ...], ...]


@given(machines(answers=ANSWERS), words())
def test_the_canonical_form_behaves_alike(machine: Machine, word: tuple[str, ...]) -> None:
    assert machine.canonical().answers(word) == machine.answers(word)


@given(machines(answers=ANSWERS), st.randoms())
def test_however_states_are_numbered_the_canonical_form_is_the_same(machine: Machine, random: Random) -> None:
    others = list(range(1, len(machine.steps)))
    random.shuffle(others)
    number = [0, *others]
    rows = {number[state]: tuple(Step(s.answer, number[s.to]) for s in row) for state, row in enumerate(machine.steps)}
    renumbered = Machine(machine.greeting, machine.inputs, tuple(rows[state] for state in sorted(rows)))
    assert renumbered.canonical() == machine.canonical()


@given(machines(answers=ANSWERS))
def test_no_two_states_of_the_canonical_form_are_alike_and_all_are_reached(machine: Machine) -> None:
    canonical = machine.canonical()
    states = range(len(canonical.steps))
    assert canonical.canonical() == canonical
    assert sorted(canonical.ways()) == list(states)
    for one, other in product(states, states):
        word = telling_apart(canonical, one, other)
        assert (canonical.answers(word, one) != canonical.answers(word, other)) == (one != other)


def test_ends_are_numbered_last() -> None:
    steps: Rows = (
        (Step("221", 1), Step("250", 2)),
        (Step(CLOSED, 1), Step(NOT_SENT, 1)),
        (Step("503", 2), Step("250", 0)),
    )
    machine = Machine("220", ("QUIT", "MAIL"), steps).canonical()
    assert [machine.is_end(state) for state in range(3)] == [False, False, True]
    assert machine.ways() == {0: (), 2: ("QUIT",), 1: ("MAIL",)}


@given(machines(answers=ANSWERS), machines())
def test_machines_differ_where_their_canonical_forms_do(one: Machine, other: Machine) -> None:
    assert (differences(one, other) == ()) == (one.canonical() == other.canonical())


@given(machines(3), machines(3))
def test_a_difference_is_the_shortest_dialogue_that_shows_it(one: Machine, other: Machine) -> None:
    for difference in differences(one, other):
        *before, last = difference.dialogue
        assert one.answers(before) == other.answers(before) == difference.before
        assert one.answers(difference.dialogue)[-1] == difference.one
        assert other.answers(difference.dialogue)[-1] == difference.other
        assert difference.one != difference.other
        for length in range(len(before)):
            for shorter in product(INPUTS, repeat=length):
                alike_so_far = one.answers(shorter) == other.answers(shorter)
                assert not alike_so_far or one.answers((*shorter, last)) == other.answers((*shorter, last))


def test_greetings_differ_too() -> None:
    steps: Rows = ((Step("250", 0),),)
    [difference] = differences(Machine("220", ("NOOP",), steps), Machine("554", ("NOOP",), steps))
    assert (difference.dialogue, difference.one, difference.other) == ((), "220", "554")


@given(machines(3), machines(4), st.integers(0, 2))
def test_the_suite_finds_out_every_other_machine_with_so_many_states_more(
    machine: Machine, other: Machine, beyond: int
) -> None:
    known, real = machine.canonical(), other.canonical()
    if len(real.steps) > len(known.steps) + beyond:
        return
    found_out = any(known.answers(word) != real.answers(word) for word in suite(known, beyond))
    assert found_out == (known != real)


def test_the_suite_does_not_find_out_what_has_more_states_than_that() -> None:
    """A server that hangs up at the third input: what is said of bounds is no more than is true."""
    knows_nothing = Machine("220", ("NOOP",), ((Step("250", 0),),))
    hangs_up = Machine("220", ("NOOP",), ((Step("250", 1),), (Step("250", 2),), (Step("250", 3),), (Step(CLOSED, 3),)))
    by_beyond = [
        any(knows_nothing.answers(word) != hangs_up.answers(word) for word in suite(knows_nothing, beyond))
        for beyond in range(5)
    ]
    assert by_beyond[0] is False
    assert by_beyond[3] is True
