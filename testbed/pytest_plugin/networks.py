"""Where the labs of a test run live, and what becomes of a test whose lab cannot be had here."""

from __future__ import annotations

from typing import NoReturn

import pytest

from testbed.lab.where import where
from testbed.pytest_plugin import NETWORK, REQUIRE_LABS
from testbed.scenario.network_needs import NetworkKind

_told = pytest.StashKey[bool]()


def network_of(node: pytest.Item) -> NetworkKind:
    """That of a test; why it is not a private one is told with the first of a process."""
    config = node.config
    found = where(config.getoption(NETWORK))
    if found.note and not config.stash.get(_told, False):
        config.stash[_told] = True
        node.warn(pytest.PytestWarning(found.note))
    return found.kind


def not_here(node: pytest.Item, why: str) -> NoReturn:
    """Skip a test, or have it fail where labs are required."""
    __tracebackhide__ = True
    if node.config.getoption(REQUIRE_LABS):
        pytest.fail(f"{why} (labs are required: --testbed-require-labs, TESTBED_REQUIRE_LABS)", pytrace=False)
    raise pytest.skip.Exception(why, _use_item_location=True)
