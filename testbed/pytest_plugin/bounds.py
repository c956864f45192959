"""Which files the scenarios of a run of pytest may name: those of the project that is tested."""

from __future__ import annotations

import pytest

from testbed.pytest_plugin import ALLOW_OUTSIDE
from testbed.scenario.reach import Reach


def reach(config: pytest.Config) -> Reach:
    """Those below rootdir and those beside the scenario; with ``--testbed-allow-outside``, all."""
    return Reach.given([config.rootpath], allow_outside=config.getoption(ALLOW_OUTSIDE))
