"""Shared by all tests: what this machine lacks is skipped, with the reason."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from testbed.native import library
from testbed.native.build import build
from testbed.net.probe import host_network, probe
from tests.patience import cpu_seconds

# Nothing is limited by the clock, for the machine may be busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PROJECT = Path(__file__).parent.parent
_NETWORK = "/proc/self/ns/net"
_OWN_NETWORK = os.readlink(_NETWORK)


def pytest_configure(config: pytest.Config) -> None:
    """What has been changed since the project was set up is compiled again."""
    if not hasattr(config, "workerinput") and library.missing():
        build()
        library.library.cache_clear()


@cache
def _why_no_lab() -> str:
    missing = [f"{check.name}: {check.detail}" for check in probe() if check.needed and not check.ok]
    return "; ".join(missing)


@cache
def _why_no_loopback() -> str:
    checks = probe()
    return "" if host_network(checks) else next(check.detail for check in checks if check.name == "loopback")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("lab") and _why_no_lab():
        pytest.skip(f"labs cannot run here: {_why_no_lab()}")
    if item.get_closest_marker("loopback") and _why_no_loopback():
        pytest.skip(f"the machine's loopback cannot be captured: {_why_no_loopback()}")
    for marker in item.iter_markers("program"):
        if shutil.which(marker.args[0]) is None and not Path(f"/usr/sbin/{marker.args[0]}").exists():
            pytest.skip(f"{marker.args[0]} is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    limit = item.get_closest_marker("cpu_seconds")
    with cpu_seconds(limit.args[0]) if limit else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """What enters another network is a process of its own: labs held open by later tests could not be reached."""
    result = yield
    assert os.readlink(_NETWORK) == _OWN_NETWORK, "the test has left the machine's network"
    return result


@pytest.fixture
def project() -> Path:
    """The project's root."""
    return PROJECT


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half of the time tests wait: for other processes, programs and the kernel's timers."""
    return 2 * len(os.sched_getaffinity(0))
