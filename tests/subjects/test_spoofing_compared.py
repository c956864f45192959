"""Spoofed messages at real receivers: the page says what they do, and they do what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.lab.catalogue.spoofing import PLAYERS, Player, page, played, stored, tricks, version

Have = Callable[[str], None]


def test_the_page_says_what_was_played() -> None:
    assert (PROJECT / "docs" / "spoofing-compared.md").read_text("utf-8") == page(stored()), "run 'make docs'"


@pytest.mark.lab
@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_a_receiver_does_what_the_page_says(player: Player, have: Have, tmp_path: Path) -> None:
    if player.program:
        have(player.program)
    then, cells = stored()[player.name]
    if version(player) != then:
        pytest.skip(f"the page is about {player.name} {then}, and {version(player)} is here: 'make compared' plays it")
    assert dict(zip(tricks(), played(player, tmp_path), strict=True)) == dict(zip(tricks(), cells, strict=True))
