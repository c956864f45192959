"""YAML text to plain values, and the place of each in the text.

YAML 1.2 through ruamel.yaml's composer.  Values are built here, from its nodes, because the place of every key and
value is wanted, and because aliases must not multiply without bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from testbed.scenario.problems import Problem, ScenarioError, did_you_mean

Path = tuple[str | int, ...]

MAX_VALUES = 20_000  # after aliases are expanded
MAX_DEPTH = 40

_TAG = "tag:yaml.org,2002:"
_CONSTANTS = {"true": True, "false": False}


@dataclass(slots=True)
class Document:
    """``data`` is what the file says; ``keys`` and ``values`` map a path to its line and column, from 1."""

    file: str
    text: str
    data: object = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """A problem at a path, or at the nearest place above it that is in the file."""
        places = [self.keys, self.values] if key else [self.values, self.keys]
        while path and path not in self.values:
            path = path[:-1]
        line, column = next((place[path] for place in places if path in place), (1, 1))
        return self.problem_at(line, column, message)

    def problem_at(self, line: int, column: int, message: str) -> Problem:
        """A problem at a line and column."""
        lines = self.text.splitlines()
        return Problem(self.file, line, column, message, lines[line - 1] if 0 < line <= len(lines) else "")

    def line_of(self, path: Path) -> int:
        """The line where a value begins, 0 when it is not in the file."""
        return self.values.get(path, (0, 0))[0]


def read_document(file: str, text: str) -> Document:
    """Parse one YAML document.  Raises ScenarioError."""
    document = Document(file, text)
    root = _compose(document)
    if root is None:
        raise ScenarioError([Problem(file, 0, 0, "the file is empty; a scenario has title, steps and expect")])
    builder = _Builder(document)
    document.data = builder.build(root, (), 0)
    if builder.problems:
        raise ScenarioError(builder.problems)
    return document


def _compose(document: Document) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        nodes = list(yaml.compose_all(document.text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        words = f"this is not YAML: {_clean(said)}"
        if mark is None:
            raise ScenarioError([Problem(document.file, 0, 0, words)]) from None
        raise ScenarioError([document.problem_at(mark.line + 1, mark.column + 1, words)]) from None
    except YAMLError as error:
        raise ScenarioError([Problem(document.file, 0, 0, f"this is not YAML: {_clean(str(error))}")]) from None
    except (RecursionError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
        message = "this is not YAML that can be read: it is nested too deeply or malformed"
        raise ScenarioError([Problem(document.file, 0, 0, message)]) from None
    if len(nodes) > 1:
        mark = nodes[1].start_mark
        message = "a second document begins here; a file holds one scenario"
        raise ScenarioError([document.problem_at(mark.line + 1, mark.column + 1, message)])
    return nodes[0] if nodes else None


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.split("\n")[0])[:200]


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._open: set[int] = set()
        self.problems: list[Problem] = []

    def build(self, node: Node, path: Path, depth: int) -> object:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._document.values[path] = place
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            limit = f"{MAX_VALUES:,} values" if self._count > MAX_VALUES else f"{MAX_DEPTH} levels"
            message = f"the file grows beyond {limit} here; use fewer anchors and less nesting"
            raise ScenarioError([*self.problems, self._document.problem_at(*place, message)])
        if id(node) in self._open:
            message = "this alias contains itself"
            raise ScenarioError([*self.problems, self._document.problem_at(*place, message)])
        self._open.add(id(node))
        try:
            return self._value(node, path, depth, place)
        finally:
            self._open.discard(id(node))

    def _value(self, node: Node, path: Path, depth: int, place: tuple[int, int]) -> object:
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, number), depth + 1) for number, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if not isinstance(key_node, ScalarNode):
                self.problems.append(self._document.problem_at(line, column, "a key must be a plain word"))
                continue
            key = str(key_node.value)
            if key in result:
                message = f"'{key[:40]}' is given twice; the first is at line {self._document.keys[(*path, key)][0]}"
                self.problems.append(self._document.problem_at(line, column, message))
                continue
            self._document.keys[(*path, key)] = (line, column)
            result[key] = self.build(value_node, (*path, key), depth + 1)
        return result

    def _scalar(self, node: ScalarNode, place: tuple[int, int]) -> object:
        kind = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return _CONSTANTS[text.lower()]
                case "int":
                    return int(text.replace("_", ""), 0) if len(text) < 100 else text
                case "float":
                    return float(text.replace("_", ""))
                case "str" | "timestamp":
                    return text
        except (KeyError, ValueError):
            return text
        near = did_you_mean(kind, ["str", "int"])
        self.problems.append(self._document.problem_at(*place, f"the tag '{kind[:40]}' is not allowed here{near}"))
        return None
