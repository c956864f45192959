"""More hosts than a picture has room for: those of one role share a lane, senders and servers never."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.report.pictures.headline import headline
from testbed.report.pictures.lanes import MOST_LANES
from testbed.report.pictures.values import Arrow, Role
from testbed.report.pictures.way import way
from testbed.trace.inspect import inspect
from tests.bench.make_capture import make


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crowd") / "crowd.pcap"
    make(path, 60)
    return path


def test_those_of_one_role_share_a_lane(crowd: Path) -> None:
    found = way([inspect(crowd)])
    assert len(found.lanes) <= MOST_LANES
    roles = [lane.role for lane in found.lanes]
    assert {Role.SENDER, Role.SERVER} <= set(roles)
    for row in found.rows:
        if isinstance(row, Arrow):
            assert (roles[row.source], roles[row.target]) == (Role.SENDER, Role.SERVER)


def test_the_headline_counts_all_whatever_is_told_one_by_one(crowd: Path) -> None:
    found = way([inspect(crowd)])
    assert len(found.ends) > len(found.shown_ends)
    assert f"{len(found.ends):,} " in headline(found) or f"{len({e.recipient for e in found.ends}):,} " in headline(
        found
    )
    assert "more recipients" in found.omitted
