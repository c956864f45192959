"""What can wait in today's exploration is what was tried yesterday, where nothing has changed since."""

from __future__ import annotations

from testbed.explore.candidate import Candidate, Point
from testbed.explore.journal import key_of
from testbed.explore.ran import Breach, Came, Ran
from testbed.explore.search import Search
from testbed.explore.since import Since

HOSTS = (("crepes.fr", "a"), ("someschool.edu", "b"))


def _fault(what: str, deed: str = "4yz", rank: int = 1) -> Candidate:
    return Candidate(Point("dialogue", what, rank=rank), deed, {"on": what, "deed": deed})


RCPT, HEARD, MX = _fault("someschool.edu RCPT", rank=0), _fault("crepes.fr heard RCPT"), _fault("MX someschool.edu")


def _first(*opened: Candidate, by_host: tuple[tuple[str, str], ...] = HOSTS) -> Ran:
    return Ran(0, Came.DELIVERED, opened=opened, by_host=by_host)


def _yesterday(*tried: Candidate, came: Came = Came.DELIVERED) -> dict[str, Ran]:
    return {key_of(()): _first(), **{key_of((one,)): Ran(0, came) for one in tried}}


def _waits(yesterday: dict[str, Ran], today: Ran) -> set[Candidate]:
    keys = Since(yesterday, today).same()
    return {one for one in today.opened if one.key in keys}


def test_what_was_tried_where_nothing_changed_can_wait() -> None:
    assert _waits(_yesterday(RCPT, HEARD), _first(RCPT, HEARD)) == {RCPT, HEARD}


def test_what_nobody_tried_cannot() -> None:
    assert _waits(_yesterday(RCPT), _first(RCPT, HEARD)) == {RCPT}
    assert _waits(_yesterday(RCPT, came=Came.NOT_OVER), _first(RCPT)) == set()


def test_nor_what_strikes_a_host_that_went_otherwise() -> None:
    changed = _first(RCPT, HEARD, MX, by_host=(("crepes.fr", "a"), ("someschool.edu", "other")))
    assert _waits(_yesterday(RCPT, HEARD, MX), changed) == {HEARD}


def test_without_earlier_results_nothing_can() -> None:
    assert _waits({}, _first(RCPT, HEARD)) == set()


def test_what_can_wait_is_tried_last_however_promising() -> None:
    today = _first(RCPT, HEARD)
    search = Search(today, 1, 0, same=Since(_yesterday(RCPT), today).same())
    assert [faults for phase in search.phases() for faults in phase.tries] == [(HEARD,), (RCPT,)]


def test_causes_are_known_whatever_the_run() -> None:
    red = Ran(0, Came.RED, breaches=(Breach("no mail is lost", "a@b.example lost 5", ()),))
    assert Since({"": red}, red).causes == {"no mail is lost: somebody lost N"}
