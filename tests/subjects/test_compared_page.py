"""Played again, ready-made relays do what the page that compares them says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.report.compared.comparison import cell
from testbed.scenario.casting import cast_all
from tests.conftest import PROJECT
from tests.lab.catalogue.systems import DATA, comparison
from tests.lab.test_scenarios import play

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not DATA.exists(), reason="what was played is not stored yet")]


@pytest.mark.parametrize("relay", ["postfix", "exim", "opensmtpd", "sendmail", "haraka"])
@pytest.mark.parametrize("name", ["delivered", "unknown-user"])
def test_it_is_in_step_with_what_is_here(relay: str, name: str, have: Callable[[str], None], tmp_path: Path) -> None:
    have(relay)
    [candidate] = cast_all([PROJECT / "scenarios" / f"{name}.yaml"], {"relay": relay})
    found = cell(relay, play(candidate.scenario, tmp_path), ["crepes.fr"])
    [row] = [row for row in comparison().rows if row.file == f"scenarios/{name}.yaml"]
    [told] = [one for one in row.cells if one.player == relay]
    assert (found.words, found.result) == (told.words, told.result), found
