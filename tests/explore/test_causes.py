"""Two runs of one cause tell the same, whatever mail, times and numbers they had; others do not."""

from __future__ import annotations

import pytest

from testbed.explore.cause import cause
from testbed.explore.ran import Breach

ALIKE = [
    (
        "crepes.fr answered 250 for <1.ab@alice.crepes.fr> to bob@someschool.edu; it is neither",
        "crepes.fr answered 250 for <2.cd@alice.crepes.fr> to dave@someschool.edu; it is neither",
    ),
    (
        "crepes.fr gave up on bob@someschool.edu when someschool.edu had said 450 4.2.1 once",
        "crepes.fr gave up on carol@someschool.edu when someschool.edu had said 451 once",
    ),
    ("crepes.fr tried again after 1 h 30 min", "crepes.fr tried again after 300 ms"),
    ("its envelope sender is <>", "its envelope sender is <mallory@crepes.fr>"),
    ("the program of crepes.fr said 'Killed by 15'", "the program of crepes.fr said 'It's over'"),
    ("192.0.2.1 was refused", "2001:db8::17 was refused"),
]
APART = [
    ("crepes.fr sent <1@x> again", "someschool.edu sent <1@x> again"),
    ("mx1.someschool.edu altered <1@x>", "mx2.someschool.edu altered <1@x>"),
    ("its header field date is gone", "its header field subject is gone"),
]


def told(why: str, what: str = "no mail is lost") -> str:
    return cause(Breach(what, why, ()))


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_is_another_in_every_run_does_not_count(one: str, other: str) -> None:
    assert told(one) == told(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_who_it_was_and_what_counts(one: str, other: str) -> None:
    assert told(one) != told(other)


def test_what_was_broken_counts() -> None:
    assert told("it is gone") != told("it is gone", "no mail is duplicated without cause")
