"""Which faults are tried together, and which are not because nothing new can come of it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from testbed.explore.candidate import Candidate, Point
from testbed.explore.ran import Came, Ran
from testbed.explore.search import Phase, Search

NEAR, FAR, AFTER = (Point("dialogue", what, rank=rank) for what, rank in (("message", 0), ("MAIL", 2), ("QUIT", 2)))
ALL = frozenset(map(str, (NEAR, FAR, AFTER)))


def fault(point: Point, deed: str) -> Candidate:
    return Candidate(point, deed, {"on": point.what, "deed": deed, "nth": point.nth})


def ran(
    effect: str, came: Came = Came.DELIVERED, points: frozenset[str] = ALL, opened: tuple[Candidate, ...] = ()
) -> Ran:
    return Ran(0, came, effect=effect, digest=effect, points=points, opened=opened)


def phases(depth: int, singles: dict[Candidate, Ran], red: tuple[Candidate, ...] = ()) -> dict[str, Phase]:
    """The phases of an exploration whose single faults came to this."""
    search = Search(ran("as ever", opened=tuple(singles)), depth, seed=0)
    found = {}
    for phase in search.phases():
        found[phase.name] = phase
        for faults in phase.tries if phase.name == "single faults" else ():
            search.note(faults, singles[faults[0]])
    return found


CUT, LOST, LATE = fault(FAR, "FIN"), fault(NEAR, "FIN when stored"), fault(AFTER, "late")


def names(phase: Phase) -> list[list[str]]:
    return [[one.deed for one in faults] for faults in phase.tries]


def test_what_is_nearest_to_a_promise_comes_first() -> None:
    found = phases(1, {CUT: ran("a"), LOST: ran("b"), LATE: ran("c")})
    assert list(found) == ["single faults"]
    assert names(found["single faults"])[0] == ["FIN when stored"]


def test_all_pairs_of_faults_that_differ_are_tried() -> None:
    found = phases(2, {CUT: ran("a"), LOST: ran("b"), LATE: ran("c")})
    assert sorted(map(sorted, names(found["pairs"]))) == [
        ["FIN", "FIN when stored"],
        ["FIN", "late"],
        ["FIN when stored", "late"],
    ]


def test_faults_that_came_to_the_same_are_one() -> None:
    found = phases(2, {CUT: ran("a"), fault(FAR, "RST"): ran("a"), LOST: ran("b")})["pairs"]
    assert names(found) == [["FIN when stored", "FIN"]]
    assert found.superfluous["came to the same as another fault"] == 2


def test_a_fault_without_effect_is_tried_with_no_other() -> None:
    found = phases(2, {CUT: ran("as ever", Came.UNNOTICED), LOST: ran("b"), LATE: ran("x", Came.NEVER_REACHED)})
    assert names(found["pairs"]) == []


def test_what_is_red_alone_is_red_with_others() -> None:
    assert names(phases(2, {CUT: ran("a", Came.RED), LOST: ran("b")})["pairs"]) == []


def test_a_fault_that_leaves_no_occasion_for_another_is_not_tried_with_it() -> None:
    found = phases(2, {CUT: ran("a", points=frozenset({str(FAR)})), LOST: ran("b")})["pairs"]
    assert (names(found), found.superfluous["cannot both strike"]) == ([], 1)


def test_a_retry_that_a_fault_leads_to_is_struck_too() -> None:
    again = fault(Point("dialogue", "MAIL", 2, 2), "FIN")
    unheard_of = fault(Point("dialogue", "alice RCPT", 1, 1), "4yz")
    of_no_effect = fault(Point("dialogue", "MAIL", 2, 2), "late")
    found = phases(2, {CUT: ran("a", opened=(again, unheard_of, of_no_effect))})
    assert names(found["faults at what a fault leads to"]) == [["FIN", "4yz"], ["FIN", "FIN"]]


def test_samples_come_before_what_may_be_thousands() -> None:
    """A budget that ends there has had some of each."""
    order = ["single faults", "pairs", "triples", "faults at what a fault leads to"]
    assert list(phases(3, {CUT: ran("a"), LOST: ran("b"), LATE: ran("c")})) == order


@given(st.lists(st.tuples(st.sampled_from([NEAR, FAR, AFTER]), st.sampled_from("abcdef"), st.sampled_from("123456"))))
def test_every_pair_is_tried_or_accounted_for(made: list[tuple[Point, str, str]]) -> None:
    singles = {fault(point, deed): ran(effect) for point, deed, effect in made}
    found = phases(2, singles)["pairs"]
    assert len(found.tries) + found.superfluous.total() == len(singles) * (len(singles) - 1) // 2


@given(st.integers(0, 5), st.integers(3, 9))
def test_triples_are_the_same_for_a_seed_and_each_once(seed: int, many: int) -> None:
    points = [Point("dialogue", f"at {number}", rank=1) for number in range(many)]
    everywhere = frozenset(map(str, points))
    singles = {fault(point, "FIN"): ran(point.what, points=everywhere) for point in points}

    def triples() -> list[frozenset[str]]:
        search = Search(ran("as ever", opened=tuple(singles)), 3, seed, triples=10)
        for phase in search.phases():
            for faults in phase.tries if phase.name == "single faults" else ():
                search.note(faults, singles[faults[0]])
        return [frozenset(one.key for one in faults) for faults in phase.tries]

    assert triples() == triples()
    assert max(Counter(triples()).values(), default=1) == 1
    assert len(triples()) <= 10
