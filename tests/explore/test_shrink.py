"""Scenarios are made as small as they stay red, whoever plays them and however many at a time.

Who plays here is a function that knows at once which scenarios are red.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.explore.candidate import FaultData
from testbed.explore.cause import cause
from testbed.explore.first_run import Explored, explored
from testbed.explore.ran import Breach, Came, Order, Ran
from testbed.explore.reductions import REDUCTIONS
from testbed.explore.reductions.faults import fewer, simpler
from testbed.explore.shrink import Shrunk, shrink
from testbed.explore.variant import Variant, variant_of
from testbed.scenario.load import parse
from testbed.scenario.units import parse_duration

WHOLE = """
title: Much happens
ip: ipv6
seed: 7
hosts:
  crepes.fr: {retry: 10m, mailboxes: [alice, carol]}
  someschool.edu: {mailboxes: {bob: {quota: 1 MB}, dave: {}}}
  carol.crepes.fr: {address: carol@crepes.fr, server: crepes.fr}
faults:
  - {at: someschool.edu, on: MAIL, delay: 9s, times: 1}
steps:
  - send: {from: carol@crepes.fr, to: dave@someschool.edu, size: 30 KB}
  - wait: 3h
  - send: {from: alice@crepes.fr, to: [dave@someschool.edu, bob@someschool.edu], subject: Lunch, notify: success}
  - wait: 2d
expect:
  - delivered: {to: bob@someschool.edu}
"""
LOST = Breach("no mail is lost", "crepes.fr answered 250 for <1@x> to bob@someschool.edu", (3,))
RESET = {"at": "someschool.edu", "on": "message", "nth": 2, "then": "reset", "times": 1}
LATE = {"at": "crepes.fr", "on": "EHLO", "delay": "4m", "times": 1}
PUT_OFF = {"at": "someschool.edu", "on": "RCPT", "reply": ["451-Not now", "451 Later"], "then": "close"}
SUBJECT = explored(parse(WHOLE))

Judge = Callable[[Variant], bool]


def player(is_red: Judge, at_once: int = 1) -> Callable[[Iterable[Order]], Iterator[Ran | None]]:
    """Plays so many at a time, the last of them first; None as often as anything."""

    def play(orders: Iterable[Order]) -> Iterator[Ran | None]:
        waiting = iter(orders)
        while some := [order for order in [next(waiting, None) for _ in range(at_once)] if order is not None]:
            yield None
            for order in reversed(some):
                assert order.data is not None
                red = is_red(Variant(order.data, tuple(order.faults)))
                reached = tuple(True for _ in order.faults)
                broken = (Breach("something else", "it is broken too", ()), LOST) if red else ()
                yield Ran(order.number, Came.RED if red else Came.DELIVERED, reached=reached, breaches=broken)

    return play


def shrunk(is_red: Judge, faults: Sequence[FaultData], at_once: int = 1, most: int = 200) -> Shrunk:
    return shrink(SUBJECT, faults, cause(LOST), player(is_red, at_once), most)


def sends(variant: Variant, to: str) -> bool:
    """Whether anybody is sent mail."""
    bodies = [step["send"] for step in variant.steps if isinstance(step, Mapping) and "send" in step]
    return any(to in (body["to"] if isinstance(body["to"], list) else [body["to"]]) for body in bodies)


def test_everything_goes_that_need_not_be_there() -> None:
    found = shrunk(lambda variant: sends(variant, "bob@someschool.edu"), [RESET, LATE])
    assert found.all_tried
    assert found.ran is not None
    assert found.variant.whole == {
        "settle": "1h",
        "title": "Much happens",
        "steps": [{"send": {"from": "alice@crepes.fr", "to": "bob@someschool.edu"}}],
    }


def test_a_fault_that_is_needed_stays_as_simple_as_can_be() -> None:
    def is_red(variant: Variant) -> bool:
        return any(f.get("on") == "RCPT" and str(f.get("reply"))[:1] == "4" for f in variant.faults)

    def is_red_with_lines(variant: Variant) -> bool:
        return any(f.get("on") == "RCPT" and "reply" in f for f in variant.faults)

    for judge in (is_red_with_lines, lambda variant: is_red(variant) or is_red_with_lines(variant)):
        found = shrunk(judge, [RESET, PUT_OFF])
        assert found.variant.faults == ({"at": "someschool.edu", "on": "RCPT", "reply": "451 Later", "times": 1},)


def test_a_fault_goes_one_event_earlier_with_a_step_that_goes() -> None:
    def is_red(variant: Variant) -> bool:
        messages = sum(isinstance(step, Mapping) and "send" in step for step in variant.steps)
        return any(fault.get("on") == "message" and fault.get("nth", 1) == messages for fault in variant.faults)

    found = shrunk(is_red, [RESET])
    assert found.variant.faults == ({key: value for key, value in RESET.items() if key != "nth"},)
    assert len(found.variant.steps) == 1


@pytest.mark.parametrize("span", ["1m", "1h", "1d", "2d"])
def test_waits_are_no_longer_than_needed_and_of_a_length_people_name(span: str) -> None:
    def is_red(variant: Variant) -> bool:
        waits = [step["wait"] for step in variant.steps if isinstance(step, Mapping) and "wait" in step]
        return any(parse_duration(wait) >= parse_duration(span) for wait in waits)

    found = shrunk(is_red, [])
    assert {"wait": span} in found.variant.steps


def test_what_is_red_for_another_cause_is_not_it() -> None:
    found = shrink(SUBJECT, [RESET], "another cause", player(lambda variant: True))
    assert found.ran is None
    assert found.variant == variant_of(SUBJECT, [RESET])
    assert found.plays == 3


def test_a_fault_that_does_not_strike_proves_nothing() -> None:
    def play(orders: Iterable[Order]) -> Iterator[Ran]:
        for order in orders:
            yield Ran(order.number, Came.RED, reached=(False,) * len(order.faults), breaches=(LOST,))

    found = shrink(SUBJECT, [RESET], cause(LOST), play)
    assert found.ran is None


def test_who_has_had_enough_gets_what_there_is() -> None:
    patience = iter([False] * 5 + [True] * 200)
    judge = player(lambda variant: sends(variant, "bob@someschool.edu"))
    found = shrink(SUBJECT, [RESET, LATE], cause(LOST), judge, over=lambda: next(patience))
    assert (found.plays, found.all_tried) == (5, False)
    assert found.ran is not None


def test_plays_are_bounded() -> None:
    found = shrunk(lambda variant: sends(variant, "bob@someschool.edu"), [RESET, LATE], most=5)
    assert found.plays == 5
    assert not found.all_tried
    assert sends(found.variant, "bob@someschool.edu")


@given(
    st.sets(st.sampled_from(["RESET", "LATE", "dave", "hosts", "wait", "notify"])),
    st.integers(2, 9),
    st.integers(1, 80),
)
def test_it_makes_no_difference_how_many_are_played_at_a_time(needed: set[str], at_once: int, most: int) -> None:
    def is_red(variant: Variant) -> bool:
        text = str(variant.whole)
        words = {"RESET": "reset", "LATE": "4m"}
        return all(words.get(word, word) in text for word in needed)

    one, several = (shrunk(is_red, [RESET, LATE], number, most) for number in (1, at_once))
    assert one == several


@given(st.lists(st.integers(0, 99), unique=True, max_size=12), st.data())
def test_what_is_left_of_many_faults_are_those_that_are_needed(parts: list[int], data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.sampled_from(parts))) if parts else set[int]()
    left = tuple(parts)
    while (choice := next((choice for choice in fewer(left) if needed <= set(choice)), None)) is not None:
        left = choice
    assert set(left) == needed


@given(st.data())
def test_where_any_of_some_will_do_nothing_can_be_taken_from_what_is_left(data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.integers(0, 20), unique=True, min_size=1, max_size=12))
    enough = data.draw(st.lists(st.sets(st.sampled_from(parts), min_size=1), min_size=1, max_size=4))
    left = tuple(parts)
    while (choice := next((c for c in fewer(left) if any(e <= set(c) for e in enough)), None)) is not None:
        left = choice
    for gone in left:
        assert not any(e <= set(left) - {gone} for e in enough)


@pytest.mark.parametrize("reduction", REDUCTIONS, ids=lambda reduction: reduction.__name__)
def test_a_reduction_yields_other_variants_only_and_comes_to_an_end(
    reduction: Callable[..., Iterator[Variant]],
) -> None:
    variant, steps = variant_of(SUBJECT, [RESET, PUT_OFF]), 0
    while (other := next(iter(reduction(variant)), None)) is not None:
        assert all(one.key != variant.key for one in reduction(variant))
        variant, steps = other, steps + 1
        assert steps < 60


@pytest.mark.parametrize(
    ("fault", "other"),
    [
        ({"at": "x", "on": "RCPT", "then": "drip"}, {"at": "x", "on": "RCPT", "delay": "1m"}),
        ({"at": "x", "on": "RCPT", "then": "garble"}, {"at": "x", "on": "RCPT", "reply": "451 4.3.0 Try again later"}),
        ({"at": "x", "on": "message", "then": "deaf", "octet": 9}, {"at": "x", "on": "message", "then": "stall"}),
        ({"zone": "x", "answer": "garbled"}, {"zone": "x", "answer": "SERVFAIL"}),
        ({"host": "x", "is": "silent", "until": "6d"}, {"host": "x", "is": "refused", "until": "6d"}),
        ({"host": "x", "is": "silent", "until": "518400s"}, {"host": "x", "is": "silent", "until": "1h"}),
        (
            {"host": "x", "is": "crashed", "when": "w", "for": "1d"},
            {"host": "x", "is": "crashed", "when": "w", "for": "2s"},
        ),
    ],
)
def test_deeds_have_simpler_ones(fault: FaultData, other: FaultData) -> None:
    assert other in list(simpler(fault))


def test_own_faults_are_faults_like_others() -> None:
    assert isinstance(SUBJECT, Explored)
    assert [fault.get("on") for fault in variant_of(SUBJECT, [RESET]).faults] == ["MAIL", "message"]
