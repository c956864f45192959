"""Twice the capture costs twice the processor time, whatever is in it: quadratic work would cost four times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack.cost import Cost, cost
from tests.attack.families import FAMILIES, Family

MOST = 2.6
_TRIES = 4
_NAMES = [family.name for family in FAMILIES]


def growth(family: Family, seed: int, folder: Path) -> tuple[float, Cost]:
    """How many times as much twice the capture costs, at the least that several tries show; and the dearest run."""
    costs: dict[int, list[Cost]] = {1: [], 2: []}
    for times in costs:
        (folder / str(times)).write_bytes(family.capture(seed, times * family.size))
    for _ in range(_TRIES):
        for times, found in costs.items():
            found.append(cost(["inspect", str(folder / str(times))]))
        least = {times: min(one.cpu for one in found) for times, found in costs.items()}
        if least[2] < MOST * least[1]:
            break
    return least[2] / least[1], costs[2][-1]


@pytest.mark.parametrize("family", FAMILIES, ids=_NAMES)
def test_time_grows_no_faster_than_the_capture(family: Family, tmp_path: Path) -> None:
    times, dearest = growth(family, 1, tmp_path)
    assert (dearest.code, dearest.traceback) == (0, False)
    assert times < MOST
