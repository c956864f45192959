"""What a module of the testbed imports: every form the language has, wherever in the module it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_BY_NAME = {"import_module", "__import__"}


def imported(source: str, package: str, *, for_types: bool = True) -> set[str]:
    """The dotted names of all that a module imports; `package` is what its relative imports start from.

    `from a.b import c` gives `a.b.c`, whether `c` is a module or a name in one. An import by name counts when the name
    is a literal. Without `for_types`, what is imported under TYPE_CHECKING only is left out.
    """
    found: set[str] = set()
    for node in _nodes(ast.parse(source), for_types=for_types):
        match node:
            case ast.Import():
                found.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                start = _start(node, package)
                found.update(start if alias.name == "*" else f"{start}.{alias.name}" for alias in node.names)
            case ast.Call():
                found.update(_by_name(node, package))
    return found


def _nodes(tree: ast.AST, *, for_types: bool) -> Iterator[ast.AST]:
    yield tree
    left_out = tree.body if not for_types and isinstance(tree, ast.If) and _checks_types(tree.test) else []
    for node in ast.iter_child_nodes(tree):
        if node not in left_out:
            yield from _nodes(node, for_types=for_types)


def _checks_types(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def _start(node: ast.ImportFrom, package: str) -> str:
    return _absolute("." * node.level + (node.module or ""), package)


def _absolute(name: str, package: str) -> str:
    tail = name.lstrip(".")
    level = len(name) - len(tail)
    if not level:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([tail] if tail else [])])


def _by_name(call: ast.Call, package: str) -> Iterator[str]:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else next((word.value for word in call.keywords if word.arg == "name"), None)
    if called in _BY_NAME and isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield _absolute(first.value, package)
