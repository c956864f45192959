"""The catalogue, loaded once for all tests."""

from __future__ import annotations

from testbed.scenario.load import discover, load_all
from tests.conftest import PROJECT

SCENARIOS = load_all(discover([PROJECT / "scenarios"]))
