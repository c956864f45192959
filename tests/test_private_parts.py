"""Where we reach into what a library keeps to itself: every place is in one table, and what it relies on is there."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@dataclass(frozen=True, slots=True)
class Reach:
    """One private part of a library and who uses it.

    ``part`` is a module, a name in it, or ``module:Class.name``; ``signature`` is that of a function or class.
    """

    file: str
    part: str
    why: str
    signature: str = ""


TABLE = [
    Reach(
        "testbed/cli/command_help.py",
        "argparse:ArgumentParser._actions",
        "argparse tells nobody which options there are; our help is made of them",
    ),
    Reach(
        "testbed/hosts/mailboxes/imap_session.py",
        "pymap.backend.session:BaseSession._get_selected",
        "pymap finds a selected folder by its name, which is another once it has been renamed",
        "(self, selected: 'SelectedMailbox') -> 'MailboxDataInterface[MessageT]'",
    ),
    Reach(
        "testbed/hosts/smtp/commands.py",
        "aiosmtpd.smtp:SMTP._create_envelope",
        "documented for subclasses in spite of its name: an envelope that holds the parameters of RCPT",
        "(self) -> aiosmtpd.smtp.Envelope",
    ),
    Reach(
        "testbed/hosts/sending/demanded_tls.py",
        "ssl:SSLObject._sslobj",
        "all certificates that a server has shown; Python 3.13 has a public method for it",
    ),
    Reach(
        "testbed/net/alerts.py",
        "asyncio.sslproto:SSLProtocol._on_handshake_complete",
        "asyncio closes a failed handshake without the alert that tells why",
        "(self, handshake_exc)",
    ),
    Reach(
        "testbed/net/alerts.py",
        "asyncio.sslproto:SSLProtocol._process_outgoing",
        "sends that alert",
        "(self)",
    ),
    Reach(
        "testbed/net/alerts.py",
        "asyncio.sslproto:SSLProtocol._transport",
        "None where the connection is lost, and nothing can be sent",
    ),
    Reach(
        "testbed/report/deep.py",
        "lxml.etree:_Element",
        "what lxml calls its elements, for type hints alone",
    ),
    Reach(
        "testbed/report/deep.py",
        "pyshark.tshark.output_parser.tshark_xml:TsharkXmlParser._parse_single_packet",
        "pyshark's packets hold their fields flat",
        "(self, packet)",
    ),
    Reach(
        "testbed/report/deep.py",
        "pyshark:FileCapture._setup_tshark_output_parser",
        "the parser that keeps the tree",
        "(self)",
    ),
    Reach(
        "testbed/report/deep.py",
        "pyshark:FileCapture._cleanup_subprocess",
        "pyshark kills a tshark that has not ended yet, and nobody learns that it failed",
        "(self, process)",
    ),
    Reach(
        "testbed/report/deep.py",
        "pyshark:FileCapture._eof_reached",
        "tells whether tshark has said all",
    ),
    Reach(
        "testbed/pytest_plugin/scenarios.py",
        "_pytest._code.code:TerminalRepr",
        "what pytest's own hook returns is typed by it; pytest does not export it",
        "() -> None",
    ),
    Reach(
        "testbed/pytest_plugin/traces.py",
        "pytest:Config._tmp_path_factory",
        "an item of ours has no fixtures to ask for the folder of this run",
    ),
    *(
        Reach(
            "testbed/pytest_plugin/words.py",
            f"_pytest._code.code:{name}",
            "text with a place that survives the way from a worker of pytest-xdist; pytest does not export it",
            signature,
        )
        for name, signature in (
            ("ReprEntryNative", "(lines: 'Sequence[str]') -> None"),
            (
                "ReprExceptionInfo",
                "(reprtraceback: 'ReprTraceback', reprcrash: 'ReprFileLocation | None') -> None",
            ),
            ("ReprFileLocation", "(path: 'str', lineno: 'int', message: 'str') -> None"),
            (
                "ReprTraceback",
                "(reprentries: 'Sequence[ReprEntry | ReprEntryNative]', extraline: 'str | None', "
                "style: 'TracebackStyle') -> None",
            ),
        )
    ),
]

_ITSELF = ("self", "cls", "super()")
_DOCUMENTED = {"os._exit"}
_BASES_LEFT_OUT = ("builtins", "abc", "enum", "typing")
MODULES = sorted(path for path in (PROJECT / "testbed").rglob("*.py") if path.name != "__main__.py")


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _ours(module: str) -> bool:
    return module.partition(".")[0] == "testbed"


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _own(path: Path) -> frozenset[str]:
    """The private names a module gives to its own functions and attributes."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.add(node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return frozenset(found)


def _known(path: Path) -> frozenset[str]:
    """Those of a module and of the others in its folder."""
    return _own(path).union(*(_own(other) for other in MODULES if other.parent == path.parent))


@cache
def _private_parts(library: type) -> frozenset[str]:
    """The private names of a class of a library, those its methods set included."""
    return frozenset(name for name in (*vars(library), *_set_by(library)) if _private(name))


@cache
def _set_by(library: type) -> frozenset[str]:
    try:
        source = textwrap.dedent(inspect.getsource(library))
    except (OSError, TypeError):
        return frozenset()
    return frozenset(
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    )


def _imported(path: Path) -> Iterator[str]:
    """Private modules of libraries, and private names in them."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if any(map(_private, alias.name.split("."))))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
            inside = any(map(_private, node.module.split(".")))
            if not _ours(node.module):
                yield from (f"{node.module}:{a.name}" for a in node.names if inside or _private(a.name))


def _looked_up(path: Path) -> Iterator[str]:
    """Private attributes of what is neither ``self`` nor of a class of ours."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr"):
            of, name = node.args[:2]
            attribute = name.value if isinstance(name, ast.Constant) else ""
        elif isinstance(node, ast.Attribute):
            of, attribute = node.value, node.attr
        else:
            continue
        if not isinstance(attribute, str) or not _private(attribute) or ast.unparse(of) in _ITSELF:
            continue
        if attribute not in _known(path) and f"{ast.unparse(of)}.{attribute}" not in _DOCUMENTED:
            yield f"?.{attribute}"


def _inherited(path: Path) -> Iterator[str]:
    """Private attributes and methods that classes of ours have from, or share with, those of libraries."""
    try:
        module = importlib.import_module(_name(path))
    except ModuleNotFoundError as error:
        if error.name is None or _ours(error.name):
            raise
        pytest.skip(f"{error.name} is not installed")
    for node in _tree(path).body:
        of_ours = getattr(module, node.name) if isinstance(node, ast.ClassDef) else None
        if not isinstance(of_ours, type):
            continue
        theirs: dict[str, str] = {}
        for base in reversed(of_ours.__mro__):
            if not _ours(base.__module__) and base.__module__ not in _BASES_LEFT_OUT:
                theirs |= {name: f"{base.__module__}:{base.__name__}.{name}" for name in _private_parts(base)}
        yield from (theirs[used] for used in map(_used, ast.walk(node)) if used in theirs)


def _nested(path: Path) -> Iterator[str]:
    """The same of classes inside functions, which nobody can look at from outside: whatever is private there."""
    for function in ast.walk(_tree(path)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.ClassDef) and node.bases:
                yield from (f"?.{used}" for used in map(_used, ast.walk(node)) if _private(used))


def _used(node: ast.AST) -> str:
    """A method's name, or that of an attribute of the object itself."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    return node.attr if isinstance(node, ast.Attribute) and ast.unparse(node.value) in _ITSELF else ""


def _signature(part: object) -> str:
    try:
        return str(inspect.signature(part)) if callable(part) else ""
    except ValueError:  # of a class made in C
        return ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_reach_is_in_the_table(path: Path) -> None:
    file = str(path.relative_to(PROJECT))
    found = {*_imported(path), *_looked_up(path), *_inherited(path), *_nested(path)}
    told = {reach.part for reach in TABLE if reach.file == file}
    unknown = {part for part in found if not any(part == one or f"?.{one.rpartition('.')[2]}" == part for one in told)}
    needless = {one for one in told if one not in found and f"?.{one.rpartition('.')[2]}" not in found}
    assert not unknown, "say in the table why, or find another way"
    assert not needless, "take it out of the table"


@pytest.mark.parametrize("reach", TABLE, ids=lambda reach: f"{reach.file}-{reach.part}")
def test_what_it_relies_on_is_there_and_as_it_was(reach: Reach, pytestconfig: pytest.Config) -> None:
    module, _, path = reach.part.partition(":")
    owner, _, name = path.rpartition(".")
    holder: object = importlib.import_module(module)
    if owner:
        holder = pytestconfig if path.startswith("Config.") else getattr(holder, owner)
    part = getattr(holder, name, None)
    if part is None and isinstance(holder, type):
        assert any(name in _set_by(base) for base in holder.__mro__), f"{module} has it no longer"
        assert not reach.signature
    else:
        assert _signature(part) == reach.signature


def test_the_table_is_short_and_gives_reasons() -> None:
    assert len(TABLE) <= 18
    assert all(len(reach.why) > 10 for reach in TABLE)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from _pytest.code import Repr", {"_pytest.code:Repr"}),
        ("from email import _policybase", {"email:_policybase"}),
        ("import asyncio._secret", {"asyncio._secret"}),
        ("reader._buffer.clear()", {"?._buffer"}),
        ("getattr(reader, '_buffer')", {"?._buffer"}),
        ("def f():\n class A(B):\n  def _hook(self): self._part", {"?._hook", "?._part"}),
        ("os._exit(1)", set()),
        ("self._mine = 1\nother._mine", set()),
    ],
)
def test_they_are_found(tmp_path: Path, source: str, found: set[str]) -> None:
    path = tmp_path / "example.py"
    path.write_text(source)
    assert {*_imported(path), *_looked_up(path), *_nested(path)} == found
