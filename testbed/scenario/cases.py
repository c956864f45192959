"""One file, many scenarios: a matrix of parameters, and what a file takes over from another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from string import Template

from testbed.scenario.document import Document
from testbed.scenario.problems import ScenarioError

MAX_CASES = 500
_MATRIX = "matrix"

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Case:
    """What one case of a file says, its parameters put in; ``name`` is ``command=MAIL, then=reset``, or nothing.

    ``values`` are those of its parameters, in words.
    """

    name: str
    values: tuple[str, ...]
    data: dict[str, object]


def cases(document: Document, data: dict[str, object]) -> list[Case]:
    """Every case of a file, in the order of its matrix; a file without matrix is one.  Raises ScenarioError."""
    if _MATRIX not in data:
        return [Case("", (), data)]
    matrix = _matrix(document, data[_MATRIX])
    rest = {key: value for key, value in data.items() if key != _MATRIX}
    used: set[str] = set()
    found = []
    for values in product(*matrix.values()):
        case = dict(zip(matrix, values, strict=True))
        name = ", ".join(f"{key}={value}" for key, value in case.items())
        filled = _filled(rest, case, used)
        assert isinstance(filled, dict)
        if isinstance(filled.get("title"), str) and filled["title"] == rest.get("title"):
            filled["title"] = f"{filled['title']} [{name}]"
        found.append(Case(name, tuple(map(str, case.values())), filled))
    unused = [document.problem((_MATRIX, key), f"'${key}' stands nowhere in the file") for key in set(matrix) - used]
    if unused:
        raise ScenarioError(unused)
    return found


def _matrix(document: Document, given: object) -> dict[str, list[Scalar]]:
    problems = [document.problem(path, message) for path, message in _mistakes(given)]
    if problems:
        raise ScenarioError(problems)
    assert isinstance(given, dict)
    return given


def _mistakes(given: object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not isinstance(given, dict) or not given:
        yield (_MATRIX,), "'matrix' is a mapping of parameters to lists: {command: [MAIL, RCPT]}"
        return
    for name, values in given.items():
        if not name.isidentifier() or not name.isascii():
            yield (_MATRIX, name), f"'{name[:40]}' is no name of a parameter: letters, digits and _ only"
        if not isinstance(values, list) or not values:
            yield (_MATRIX, name), f"'{name[:40]}' must be a list of at least one value"
            return
        for number, value in enumerate(values):
            if not isinstance(value, Scalar):
                yield (_MATRIX, name, number), "a value of the matrix is a word or a number"
            elif value in values[:number]:
                yield (_MATRIX, name, number), f"'{str(value)[:40]}' is listed twice"
    count = prod(len(values) for values in given.values())
    if count > MAX_CASES:
        yield (_MATRIX,), f"{count:,} cases are too many for one file; the limit is {MAX_CASES}"


def _filled(value: object, case: Mapping[str, Scalar], used: set[str]) -> object:
    """The value with ``$name`` and ``${name}`` replaced; one that is nothing else keeps its parameter's type."""
    if isinstance(value, dict):
        return {key: _filled(inner, case, used) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, case, used) for inner in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    template = Template(value)
    names = {name for name in template.get_identifiers() if name in case}
    used |= names
    for name in names:
        if value in (f"${name}", f"${{{name}}}"):
            return case[name]
    return template.safe_substitute(case) if names else value
