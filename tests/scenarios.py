"""The catalogue, loaded once for all tests."""

from __future__ import annotations

from testbed.scenario.load import discover, load_all
from testbed.scenario.reach import Reach
from tests.conftest import PROJECT

_FOLDERS = [PROJECT / "scenarios"]
SCENARIOS = load_all(discover(_FOLDERS).files, Reach.given(_FOLDERS))
