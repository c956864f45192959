"""Learning servers whose machine is known, and servers that have none."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import LabError
from testbed.learn.alphabets import ALPHABETS, Alphabet
from testbed.learn.alphabets.smtp import SmtpReader
from testbed.learn.asked import Asked, EnoughError
from testbed.learn.learner import learn
from testbed.learn.machine import CLOSED, NOT_SENT, Machine, Step
from tests.learn.machines import INPUTS, machines

ANY = Alphabet("any", 0, dict.fromkeys(INPUTS, ""), {}, SmtpReader)


class Automaton:
    """A server that is a machine."""

    def __init__(self, machine: Machine) -> None:
        self.greeting = machine.greeting
        self._machine = machine
        self._state = 0

    def ask(self, name: str) -> str:
        step = self._machine.steps[self._state][self._machine.inputs.index(name)]
        self._state = step.to
        return step.answer

    def close(self) -> None:
        pass


def asked(machine: Machine, most: int = 100_000, alphabet: Alphabet = ANY) -> Asked:
    return Asked(alphabet, lambda: Automaton(machine), lambda: None, most)


@given(machines(6), st.integers(0, 2))
def test_what_is_learnt_is_right_within_its_bounds(machine: Machine, beyond: int) -> None:
    real = machine.canonical()
    learnt = learn(asked(machine), INPUTS, beyond)
    assert learnt.complete
    assert learnt.machine == real or len(real.steps) > len(learnt.machine.steps) + beyond


@given(machines(4))
def test_asking_ends_where_it_has_to(machine: Machine) -> None:
    server = asked(machine, most=7)
    learnt = learn(server, INPUTS, 1)
    assert not learnt.complete
    assert server.dialogues == learnt.dialogues == 7


@given(machines(4))
def test_the_same_is_asked_in_the_same_order_every_time(machine: Machine) -> None:
    one, other = (learn(asked(machine), INPUTS, 1) for _ in range(2))
    assert one == other


def test_nothing_is_asked_twice() -> None:
    server = asked(Machine("220", INPUTS, ((Step("250", 0),) * 3,)))
    assert server.answers(("A", "B", "A")) == ("250", "250", "250")
    assert server.answers(("A", "B")) == ("250", "250")
    assert server.greeting == "220"
    assert (server.dialogues, server.inputs) == (1, 3)


def test_nothing_is_said_on_a_closed_connection() -> None:
    server = asked(Machine("220", INPUTS, ((Step(CLOSED, 0), Step("250", 0), Step("250", 0)),)))
    assert server.answers(("B", "A", "B", "C")) == ("250", CLOSED, CLOSED, CLOSED)
    assert server.inputs == 2


def test_a_message_is_sent_where_a_client_would_and_nothing_else_there() -> None:
    inputs = ("DATA", "message", "NOOP")
    steps = (
        (Step("354", 1), Step("500", 0), Step("250", 0)),
        (Step("250", 0), Step("250", 0), Step("250", 1)),
    )
    server = asked(Machine("220", inputs, steps), alphabet=ALPHABETS["smtp"])
    word = ("message", "DATA", "NOOP", "message", "message", "NOOP")
    assert server.answers(word) == (NOT_SENT, "354", NOT_SENT, "250", NOT_SENT, "250")
    assert server.inputs == 3


def test_one_that_does_not_answer_alike_is_told_of() -> None:
    numbers = count(1)
    rude = [
        Machine("220", INPUTS, ((Step("250", 0), Step("250", 0), Step("250", 0)),)),
        Machine("220", INPUTS, ((Step("451", 0), Step("250", 0), Step("250", 0)),)),
    ]
    server = Asked(ANY, lambda: Automaton(rude[min(1, next(numbers) // 2)]), lambda: None, 100)
    assert server.answers(("A",)) == ("250",)
    with pytest.raises(LabError, match="does not always answer alike: A was answered 250 before, 451 now"):
        server.answers(("A", "B"))


def test_a_hiccup_is_overcome() -> None:
    numbers = count(1)
    usual = Machine("220", INPUTS, ((Step("250", 0), Step("250", 0), Step("250", 0)),))
    busy = Machine("421", INPUTS, ((Step(CLOSED, 0), Step(CLOSED, 0), Step(CLOSED, 0)),))
    server = Asked(ANY, lambda: Automaton(busy if next(numbers) == 2 else usual), lambda: None, 100)
    assert server.answers(("A",)) == ("250",)
    assert server.answers(("A", "B")) == ("250", "250")
    assert server.dialogues == 3


def test_a_message_that_was_taken_is_put_back() -> None:
    put_back = []
    inputs = ("DELE", "RSET", "QUIT")
    machine = Machine("+OK", inputs, ((Step("+OK", 0),) * 3,))
    server = Asked(ALPHABETS["pop3"], lambda: Automaton(machine), lambda: put_back.append(1), 100)
    for word, times in (
        (("DELE",), 0),
        (("QUIT", "DELE"), 0),
        (("DELE", "RSET", "QUIT"), 0),
        (("DELE", "QUIT"), 1),
        (("DELE", "RSET", "DELE", "QUIT", "RSET"), 1),
    ):
        put_back.clear()
        server.answers(word)
        assert len(put_back) == times, word


def test_more_dialogues_than_may_be_are_not_held() -> None:
    server = asked(Machine("220", INPUTS, ((Step("250", 0),) * 3,)), most=1)
    server.answers(("A",))
    with pytest.raises(EnoughError):
        server.answers(("B",))
