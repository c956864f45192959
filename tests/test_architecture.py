"""The floors of docs/architecture.md, held against every import: they point downwards only.

Within a room the folders have an order too, and nothing in any folder leads back to itself.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.imports import imported

FLOORS = {
    "allowance": 0,
    "catalogue": 0,
    "errors": 0,
    "extras": 0,
    "durations": 0,
    "plural": 0,
    "report_mail": 0,
    "reset": 0,
    "regular_file": 0,
    "whole_file": 0,
    "run_folder": 0,
    "stored_folder": 1,
    "interruption": 0,
    "tasks": 0,
    "user_folder": 0,
    "fresh_process": 0,
    "authentication": 0,
    "protocols": 0,
    "transport_security": 0,
    "native": 0,
    "pcap": 0,
    "trace": 1,
    "subjects": 0,
    "redact": 2,
    "scenario": 1,
    "net": 1,
    "hosts": 2,
    "lab": 3,
    "played": 2,
    "crew": 2,
    "lab_line": 3,
    "lab_process": 3,
    "lab_worker": 3,
    "serving": 3,
    "variables": 3,
    "runner": 3,
    "sent_labs": 3,
    "keeper": 3,
    "inside": 3,
    "expect": 3,
    "outcome": 3,
    "baseline": 3,
    "stored_trace": 3,
    "report": 4,
    "bed": 4,
    "control": 4,
    "learn": 4,
    "explore": 4,
    "reproduce": 4,
    "view": 5,
    "cli": 5,
    "pytest_plugin": 5,
    "__main__": 5,
}
# Rooms of one floor that may know each other, from left to right.
NEIGHBOURS = {
    ("authentication", "plural"),
    ("authentication", "report_mail"),
    ("transport_security", "report_mail"),
    ("catalogue", "errors"),
    ("extras", "errors"),
    ("pcap", "native"),
    ("pcap", "protocols"),
    ("pcap", "errors"),
    ("pcap", "extras"),
    ("pcap", "durations"),
    ("subjects", "errors"),
    ("subjects", "protocols"),
    ("subjects", "user_folder"),
    ("serving", "lab"),
    ("variables", "serving"),
    ("lab_process", "lab_line"),
    ("lab_worker", "lab_line"),
    ("lab_worker", "lab_process"),
    ("runner", "lab_line"),
    ("runner", "lab_process"),
    ("runner", "lab_worker"),
    ("sent_labs", "lab"),
    ("sent_labs", "lab_process"),
    ("sent_labs", "runner"),
    ("keeper", "lab"),
    ("keeper", "runner"),
    ("keeper", "serving"),
    ("outcome", "expect"),
    ("outcome", "runner"),
    ("lab", "expect"),
    ("baseline", "outcome"),
    ("stored_trace", "runner"),
    ("bed", "report"),
    ("learn", "bed"),
    ("control", "bed"),
    ("control", "report"),
    ("report", "explore"),
    ("report", "reproduce"),
    ("cli", "view"),
    ("__main__", "cli"),
}
# The folders within a room, from the bottom up: each may know those before it.
FOLDERS = {
    "trace": ("model", "tcp", "tls", "services", "authentication", "glance", "compare"),
    "hosts": ("dns", "smtp", "front", "sending", "queue", "mailboxes", "forwarding", "reading", "webmail"),
}
FORBIDDEN = {("hosts", "net"), ("hosts", "trace"), ("trace", "hosts"), ("expect", "hosts"), ("expect", "net")}

MODULES = sorted((PROJECT / "testbed").rglob("*.py"))
SANS_IO = (
    "authentication",
    "protocols",
    "report_mail",
    "pcap",
    "trace",
    "redact",
    "scenario",
    "expect",
    "report",
    "transport_security",
)

FORMS = [
    ("import testbed.net.clock", {"testbed.net.clock"}),
    ("import os, testbed.net.clock as clock", {"os", "testbed.net.clock"}),
    ("from testbed import net", {"testbed.net"}),
    ("from testbed.net import clock, wire as w", {"testbed.net.clock", "testbed.net.wire"}),
    ("from testbed.net.clock import ScenarioLoop", {"testbed.net.clock.ScenarioLoop"}),
    ("from testbed.net import *", {"testbed.net"}),
    ("from . import queue", {"testbed.hosts.queue"}),
    ("from .queue import store", {"testbed.hosts.queue.store"}),
    ("from .. import net", {"testbed.net"}),
    ("from ..net.clock import ScenarioLoop", {"testbed.net.clock.ScenarioLoop"}),
    ("def late():\n    import testbed.net", {"testbed.net"}),
    ("class A:\n    def late(self):\n        from testbed import net", {"testbed.net"}),
    ("if TYPE_CHECKING:\n    import testbed.net", {"testbed.net"}),
    ("try:\n    import testbed.net\nexcept ImportError:\n    import testbed.lab", {"testbed.net", "testbed.lab"}),
    ("importlib.import_module('testbed.net')", {"testbed.net"}),
    ("import_module(name='testbed.net')", {"testbed.net"}),
    ("import_module('..net', __package__)", {"testbed.net"}),
    ("loaded = __import__('testbed.net').net", {"testbed.net"}),
    ("import_module(f'testbed.{name}')", set()),
    ("text = 'import testbed.net'  # import testbed.net", set()),
]


def _parts(module: Path) -> tuple[str, ...]:
    return module.relative_to(PROJECT).with_suffix("").parts


def _home(name: str) -> tuple[str, ...]:
    """The parts of the module that a dotted name is, or is a name in."""
    parts = tuple(name.split("."))
    path = PROJECT.joinpath(*parts)
    if path.is_dir():
        return (*parts, "__init__")
    return parts if path.with_suffix(".py").exists() else _home(name.rpartition(".")[0])


def _names(module: Path, *, for_types: bool = True) -> set[str]:
    return imported(module.read_text(), ".".join(_parts(module)[:-1]), for_types=for_types)


def _own(module: Path, *, for_types: bool = True) -> set[str]:
    return {name for name in _names(module, for_types=for_types) if name.split(".")[0] == "testbed"}


def _crossings(module: Path, *, for_types: bool = True) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """The folder in which an import of a module's goes from one part to another, and both parts."""
    here = _parts(module)
    for there in {_home(name) for name in _own(module, for_types=for_types)} - {here}:
        depth = next(level for level, (one, other) in enumerate(zip(here, there, strict=False)) if one != other)
        yield here[:depth], here[depth], there[depth]


@cache
def _arrows(*, for_types: bool = True) -> list[tuple[tuple[str, ...], str, str]]:
    return sorted({crossing for module in MODULES for crossing in _crossings(module, for_types=for_types)})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("if TYPE_CHECKING:\n    import testbed.net", set()),
        ("if typing.TYPE_CHECKING:\n    import testbed.net\nelse:\n    import testbed.lab", {"testbed.lab"}),
        ("if sys.platform:\n    import testbed.net", {"testbed.net"}),
        ("def late():\n    import testbed.net", {"testbed.net"}),
    ],
)
def test_what_only_types_need_can_be_left_out(source: str, names: set[str]) -> None:
    assert imported(source, "testbed.hosts", for_types=False) == names


@pytest.mark.parametrize(("source", "names"), FORMS, ids=[source for source, _ in FORMS])
def test_every_form_of_import_is_seen(source: str, names: set[str]) -> None:
    assert imported(source, "testbed.hosts") == names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_point_downwards(module: Path) -> None:
    for folder, one, other in _crossings(module):
        if folder != ("testbed",) or one == "__init__":
            continue
        if other == "__init__":  # the names it offers to programs come from every floor
            assert {name for name in _own(module) if _home(name) == ("testbed", "__init__")} == {"testbed.__version__"}
            continue
        assert (one, other) not in FORBIDDEN
        assert FLOORS[other] < FLOORS[one] or (one, other) in NEIGHBOURS, f"{one} imports {other}"


@pytest.mark.parametrize("room", FOLDERS)
def test_folders_of_a_room_have_an_order(room: str) -> None:
    folders = FOLDERS[room]
    assert set(folders) == {path.parent.name for path in (PROJECT / "testbed" / room).glob("*/__init__.py")}
    upwards = [
        f"{one} imports {other}"
        for folder, one, other in _arrows()
        if folder == ("testbed", room) and {one, other} <= set(folders) and folders.index(one) < folders.index(other)
    ]
    assert not upwards


@pytest.mark.parametrize("folder", sorted({_parts(module)[:-1] for module in MODULES}), ids="/".join)
def test_nothing_leads_back_to_itself(folder: tuple[str, ...]) -> None:
    """Neither folders nor modules.  What only types need may: a visitor knows those it visits, and they know it."""
    arrows = {
        (one, other)
        for place, one, other in _arrows(for_types=False)
        if place == folder and "__init__" not in (one, other)
    }
    known = {part: {other for one, other in arrows if one == part} for arrow in arrows for part in arrow}
    while free := {part for part, others in known.items() if not others}:
        known = {part: others - free for part, others in known.items() if part not in free}
    assert not known, "these are in a circle, or above one"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_modules_are_small(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 320


@pytest.mark.parametrize(
    "module", [path for path in MODULES if _parts(path)[1] in SANS_IO], ids=lambda path: str(path.relative_to(PROJECT))
)
def test_sockets_live_in_net_and_hosts_only(module: Path) -> None:
    opening = {name for name in _names(module) if name.split(".")[0] in ("socket", "asyncio", "selectors")}
    assert not opening - {"socket.AF_INET", "socket.AF_INET6", "socket.inet_ntop"}


@pytest.mark.parametrize("package", sorted({module.parent for module in MODULES}), ids=lambda path: path.name)
def test_no_module_hides_a_name_of_pythons_from_its_package(package: Path) -> None:
    """Importing it would make it an attribute of the package, and so of every line of its __init__.py."""
    hidden = {path.stem for path in package.iterdir()} & set(dir(builtins))
    init = package / "__init__.py"
    tree = ast.parse(init.read_text()) if init.exists() else ast.Module([], [])
    assert {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & hidden == set()
