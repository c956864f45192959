"""YAML text to plain values, and the place of each in the text.

YAML 1.2 through ruamel.yaml's composer.  Values are built here, from its nodes, because the place of every key and
value is wanted, and because aliases must not multiply without bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import CollectionStartEvent, Event
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from testbed.scenario.problems import Path, Problem, ScenarioError, did_you_mean
from testbed.scenario.yaml_mistakes import mistake

MAX_VALUES = 20_000  # after aliases are expanded
MAX_DEPTH = 40
MAX_CHARACTERS = 1_048_576  # after aliases are expanded
MAX_TAG = 10_000  # the parser takes quadratic time over a tag

_LINE_END = re.compile(r"\r\n|\r|\n")
_TAG = "tag:yaml.org,2002:"
_CONSTANTS = {"true": True, "false": False}
_PLAIN = frozenset(("null", "bool", "int", "float", "str", "timestamp", "merge", "value"))


@dataclass(slots=True)
class Document:
    """``data`` is what the file says; ``keys`` and ``values`` map a path to its line and column, from 1.

    ``texts`` are the paths of texts that stand below their keys, line for line: the last part of a path may be the
    number of such a line, from 0.
    """

    file: str
    text: str
    data: object = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    texts: set[Path] = field(default_factory=set)
    _lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = _LINE_END.split(self.text)

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """A problem at a path, or at the nearest place above it that is in the file."""
        places = [self.keys, self.values] if key else [self.values, self.keys]
        if path and path[:-1] in self.texts and isinstance(path[-1], int):
            return self._problem_in_text(self.values[path[:-1]][0] + 1 + path[-1], message)
        while path and path not in self.values:
            path = path[:-1]
        line, column = next((place[path] for place in places if path in place), (1, 1))
        return self.problem_at(line, column, message)

    def problem_at(self, line: int, column: int, message: str) -> Problem:
        """A problem at a line and column."""
        source = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return Problem(self.file, line, column, message, source)

    def _problem_in_text(self, line: int, message: str) -> Problem:
        source = self._lines[line - 1] if line <= len(self._lines) else ""
        return self.problem_at(line, len(source) - len(source.lstrip()) + 1, message)

    def line_of(self, path: Path) -> int:
        """The line where a value begins, 0 when it is not in the file."""
        return self.values.get(path, (0, 0))[0]

    def file_of(self, path: Path) -> str:
        """The file a value stands in; another than this where a scenario is like another one."""
        return self.file


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
    if any(len(word) > MAX_TAG and "!" in word for word in document.text.split()):
        message = f"this YAML cannot be read: a tag is longer than {MAX_TAG:,} characters"
        raise ScenarioError([Problem(document.file, 0, 0, message)])
    yaml = YAML(typ="safe", pure=True)
    composer = _BoundedComposer(document, yaml)
    try:
        nodes = yaml.compose_all(document.text)
        root = next(nodes, None)
        if root is not None:
            composer.refuse_more()
        return root
    except MarkedYAMLError as error:
        wrong = mistake(error, document.text.splitlines(), composer.opened)
        message = f"this is not YAML: {_clean(wrong.words)}"
        raise ScenarioError([document.problem_at(wrong.line, wrong.column, message)]) from None
    except ReaderError as error:
        before = _LINE_END.split(document.text[: error.position])
        message = f"this is not YAML: the character U+{ord(document.text[error.position]):04X} is not allowed"
        raise ScenarioError([document.problem_at(len(before), len(before[-1]) + 1, message)]) from None
    except YAMLError as error:
        raise ScenarioError([Problem(document.file, 0, 0, f"this is not YAML: {_clean(str(error))}")]) from None
    except (RecursionError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
        message = "this YAML cannot be read: it is nested too deeply or malformed"
        raise ScenarioError([Problem(document.file, 0, 0, message)]) from None


class _BoundedComposer(Composer):
    """Refuses a second document, and what is too deep or too long, as soon as it begins.

    ``opened`` are the places of brackets and braces that are not closed yet.
    """

    def __init__(self, document: Document, yaml: YAML) -> None:
        super().__init__(yaml)
        self.warn_double_anchors = False  # the later one holds, as YAML has it
        self.opened: list[StreamMark] = []
        self._document = document
        self._values = 0

    def compose_node(self, parent: Node | None, index: object) -> Node:
        event = self.parser.peek_event()
        collection = isinstance(event, CollectionStartEvent)
        self._values += 1
        if self._values > 2 * MAX_VALUES:  # a key and its value are two
            self._refuse(event, _beyond(f"{MAX_VALUES:,} values"))
        if collection and self.depth == MAX_DEPTH:
            self._refuse(event, _beyond(f"{MAX_DEPTH} levels"))
        flow = collection and event.flow_style
        if flow:
            self.opened.append(event.start_mark)
        node: Node = super().compose_node(parent, index)
        if flow:
            self.opened.pop()
        return node

    def refuse_more(self) -> None:
        """Raises ScenarioError when the first document is not the only one."""
        if self.check_node():
            self._refuse(self.parser.peek_event(), "a second document begins here; a file holds one scenario")

    def _refuse(self, event: Event, message: str) -> NoReturn:
        place = event.start_mark
        raise ScenarioError([self._document.problem_at(place.line + 1, place.column + 1, message)])


def _beyond(limit: str) -> str:
    return f"the file grows beyond {limit} here; use fewer anchors and less nesting"


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.split("\n")[0])[:200]


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._characters = 0
        self._open: set[int] = set()
        self.problems: list[Problem] = []

    def build(self, node: Node, path: Path, depth: int) -> object:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._document.values[path] = place
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            message = _beyond(f"{MAX_VALUES:,} values" if self._count > MAX_VALUES else f"{MAX_DEPTH} levels")
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
        kind = "map" if isinstance(node, MappingNode) else "seq" if isinstance(node, SequenceNode) else ""
        if kind and str(node.tag) != _TAG + kind:
            self._forbid(str(node.tag).removeprefix(_TAG), place)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, number), depth + 1) for number, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        if node.style == "|":
            self._document.texts.add(path)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if not isinstance(key_node, ScalarNode):
                self.problems.append(self._document.problem_at(line, column, "a key must be a plain word"))
                continue
            key = str(key_node.value)
            self._weigh(key, (line, column))
            if (tag := str(key_node.tag).removeprefix(_TAG)) not in _PLAIN:
                self._forbid(tag, (line, column))
            if key in result:
                message = f"'{key[:40]}' is given twice; the first is at line {self._document.keys[(*path, key)][0]}"
                self.problems.append(self._document.problem_at(line, column, message))
                continue
            self._document.keys[(*path, key)] = (line, column)
            result[key] = self.build(value_node, (*path, key), depth + 1)
            if value_node.start_mark.index == value_node.end_mark.index:  # nothing there: YAML puts it further on
                self._document.values[(*path, key)] = (line, column)
        return result

    def _scalar(self, node: ScalarNode, place: tuple[int, int]) -> object:
        kind = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        self._weigh(text, place)
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
                case _ if kind in _PLAIN:
                    return text
        except (KeyError, ValueError):
            return text
        self._forbid(kind, place)
        return None

    def _weigh(self, text: str, place: tuple[int, int]) -> None:
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            message = _beyond(f"{MAX_CHARACTERS:,} characters")
            raise ScenarioError([*self.problems, self._document.problem_at(*place, message)])

    def _forbid(self, tag: str, place: tuple[int, int]) -> None:
        near = did_you_mean(tag, ["str", "int"])
        self.problems.append(self._document.problem_at(*place, f"the tag '{tag[:40]}' is not allowed here{near}"))
