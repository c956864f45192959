"""Players of this machine: each order is played once, also where a player dies; nothing is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.crew.crew import LocalCrew
from testbed.explore.engagement import Engagement
from testbed.explore.first_run import explored
from testbed.explore.ran import Came, Order, Ran
from testbed.scenario.load import load
from tests.conftest import PROJECT

pytestmark = pytest.mark.lab

SUBJECT = explored(load(PROJECT / "scenarios" / "delivered.yaml"))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where players put what is temporary."""
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    return room


@pytest.fixture
def crew(room: Path) -> Iterator[LocalCrew]:
    crew = LocalCrew(2)
    yield crew
    crew.dismiss()


@pytest.fixture
def work(tmp_path: Path) -> Engagement:
    return Engagement(SUBJECT, tmp_path, 60.0)


def orders(many: int) -> list[Order]:
    return [Order(number, ()) for number in range(many)]


def test_each_order_is_played_once_and_leaves_nothing(crew: LocalCrew, work: Engagement, room: Path) -> None:
    ran = [one for one in crew.play(work, orders(5)) if one is not None]
    assert sorted(one.number for one in ran) == [0, 1, 2, 3, 4]
    assert {(one.came, one.digest) for one in ran} == {(Came.DELIVERED, ran[0].digest)}
    assert list(room.iterdir()) == []


def test_a_player_that_dies_costs_its_order_a_second_try_and_leaves_nothing(
    crew: LocalCrew, work: Engagement, room: Path
) -> None:
    ran: list[Ran] = []
    for one in crew.play(work, orders(4)):
        if one is not None:
            ran.append(one)
            if len(ran) == 1:
                os.kill(crew.processes[0], signal.SIGKILL)
    assert sorted(one.number for one in ran) == [0, 1, 2, 3]
    assert {one.came for one in ran} == {Came.DELIVERED}
    assert list(room.iterdir()) == []
    crew.dismiss()
    assert list(room.iterdir()) == []


def test_a_trace_that_is_to_stay_is_where_it_was_wanted(
    crew: LocalCrew, work: Engagement, room: Path, tmp_path: Path
) -> None:
    assert [one.came for one in crew.play(work, [Order(0, (), "kept.pcapng")]) if one is not None] == [Came.DELIVERED]
    assert (tmp_path / "kept.pcapng").stat().st_size > 1000
    assert list(room.iterdir()) == []
