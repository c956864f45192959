"""The floors of docs/architecture.md, held against every import: they point downwards only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import PROJECT

FLOORS = {
    "errors": 0,
    "protocols": 0,
    "pcap": 0,
    "trace": 1,
    "scenario": 1,
    "net": 1,
    "hosts": 2,
    "lab": 3,
    "serving": 3,
    "runner": 3,
    "keeper": 3,
    "inside": 3,
    "expect": 3,
    "outcome": 3,
    "baseline": 3,
    "report": 4,
    "bed": 4,
    "cli": 5,
    "pytest_plugin": 5,
    "__main__": 5,
}
# Rooms of one floor that may know each other, from left to right.
NEIGHBOURS = {
    ("pcap", "protocols"),
    ("pcap", "errors"),
    ("serving", "lab"),
    ("keeper", "lab"),
    ("keeper", "runner"),
    ("keeper", "serving"),
    ("outcome", "expect"),
    ("outcome", "runner"),
    ("lab", "expect"),
    ("baseline", "outcome"),
    ("bed", "report"),
    ("__main__", "cli"),
}
FORBIDDEN = {("hosts", "net"), ("hosts", "trace"), ("trace", "hosts"), ("expect", "hosts"), ("expect", "net")}

MODULES = sorted((PROJECT / "testbed").rglob("*.py"))


def _room(module: Path) -> str:
    first = module.relative_to(PROJECT / "testbed").parts[0]
    return first.removesuffix(".py")


def _imports(module: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("testbed."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_point_downwards(module: Path) -> None:
    room = _room(module)
    if room == "__init__":
        return
    for other in _imports(module) - {room}:
        assert (room, other) not in FORBIDDEN
        assert FLOORS[other] < FLOORS[room] or (room, other) in NEIGHBOURS, f"{room} imports {other}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_modules_are_small(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 320


def test_sockets_live_in_net_and_hosts_only() -> None:
    for module in MODULES:
        if _room(module) in ("protocols", "pcap", "trace", "scenario", "expect", "report"):
            names = {
                alias.name
                for node in ast.walk(ast.parse(module.read_text()))
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            assert not names & {"socket", "asyncio", "selectors"}, module
