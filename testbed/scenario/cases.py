"""One file, many scenarios: the parameters of its matrix, put in wherever their names stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import Template

from testbed.scenario.document import Document
from testbed.scenario.matrix import MATRIX, Combination, combinations, in_words, place_of
from testbed.scenario.problems import Path, ScenarioError


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
    if MATRIX not in data:
        return [Case("", (), data)]
    chosen = combinations(document, data[MATRIX])
    rest = {key: value for key, value in data.items() if key != MATRIX}
    names = list(dict.fromkeys(name for combination in chosen for name in combination))
    used = {name for _, text in _texts(rest, ()) for name in Template(text).get_identifiers()}
    problems = [
        document.problem(place_of(name, data[MATRIX]), f"'${name}' stands nowhere in the file")
        for name in names
        if name not in used
    ]
    problems += [document.problem(path, message) for path, message in _without_value(rest, chosen, set(names))]
    if problems:
        raise ScenarioError(problems)
    return [_case(rest, combination) for combination in chosen]


def _case(rest: dict[str, object], combination: Combination) -> Case:
    name = in_words(combination)
    data = _filled(rest, combination)
    assert isinstance(data, dict)
    if isinstance(data.get("title"), str) and data["title"] == rest.get("title"):
        data["title"] = f"{data['title']} [{name}]"
    return Case(name, tuple(map(str, combination.values())), data)


def _without_value(
    rest: dict[str, object], chosen: Iterable[Combination], names: set[str]
) -> Iterator[tuple[Path, str]]:
    """Where a parameter stands that not every case has."""
    lacking = {name: next((c for c in chosen if name not in c), None) for name in names}
    for path, text in _texts(rest, ()):
        for name in Template(text).get_identifiers():
            if (combination := lacking.get(name)) is not None:
                yield path, f"'${name}' has no value where {in_words(combination)[:100]}; let 'include' give it one"


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts with a ``$`` in them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))
    elif isinstance(value, str) and "$" in value:
        yield path, value


def _filled(value: object, case: Combination) -> object:
    """The value with ``$name`` and ``${name}`` replaced; one that is nothing else keeps its parameter's type."""
    if isinstance(value, dict):
        return {key: _filled(inner, case) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, case) for inner in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    template = Template(value)
    names = [name for name in template.get_identifiers() if name in case]
    for name in names:
        if value in (f"${name}", f"${{{name}}}"):
            return case[name]
    return template.safe_substitute(case) if names else value
