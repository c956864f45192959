"""One file, many scenarios: the parameters of its matrix, put in wherever their names stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import Template

from msgspec import Struct
from msgspec.structs import replace

from testbed.scenario.document import Document
from testbed.scenario.like import Layers
from testbed.scenario.matrix import MATRIX, Combination, in_words, place_of, without_value
from testbed.scenario.problems import Path, Problem, ScenarioError

_LONG = 80  # characters of a case's values


class Case(Struct, frozen=True):
    """What one case of a file says, its parameters put in; ``name`` is ``command=MAIL, then=reset``, or nothing.

    ``values`` are those of its parameters, in words; where all of them make a long name, only the first that tell
    the cases of the file apart.
    """

    document: Document
    name: str
    values: tuple[str, ...]
    data: dict[str, object]


def cases(read: Sequence[Layers]) -> list[Case]:
    """Every case of a file, in the order of its matrix; a file without matrix is one.  Raises ScenarioError."""
    problems: list[Problem] = []
    found: dict[int, Case] = {}
    for layers in read:
        document = layers.document
        if not isinstance(document.data, dict):
            message = "a scenario is a mapping with title, steps and expect"
            raise ScenarioError([document.problem((), message)])
        rest = {key: value for key, value in document.data.items() if key != MATRIX}
        if layers.combinations is None:
            return [Case(document, "", (), rest)]
        problems += [document.problem(*wrong) for wrong in _mistakes(document.data, rest, layers)]
        found |= {number: _case(document, rest, chosen) for number, chosen in layers.combinations.items()}
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return _short([case for _, case in sorted(found.items())])


def _short(found: list[Case]) -> list[Case]:
    """The cases, known by fewer values where one would have a long name: files are named after them."""
    if all(sum(map(len, case.values)) <= _LONG for case in found):
        return found
    most = max(len(case.values) for case in found)
    enough = next((n for n in range(1, most) if len({case.values[:n] for case in found}) == len(found)), most)
    return [replace(case, values=case.values[:enough]) for case in found]


def _mistakes(data: Mapping[str, object], rest: dict[str, object], layers: Layers) -> Iterator[tuple[Path, str]]:
    """Parameters that stand nowhere, and those that stand where not every case has them."""
    chosen = list((layers.combinations or {}).values())
    lacking = {
        name: next((combination for combination in chosen if name not in combination), None)
        for combination in chosen
        for name in combination
    }
    used = set(layers.used)
    for path, text in _texts(rest, ()):
        for name in Template(text).get_identifiers():
            used.add(name)
            if (combination := lacking.get(name)) is not None:
                yield path, without_value(name, combination)
    for name in lacking:
        if name not in used:
            yield place_of(name, data[MATRIX]), f"'${name}' stands nowhere in the file"


def _case(document: Document, rest: dict[str, object], combination: Combination) -> Case:
    name = in_words(combination)
    data = _filled(rest, combination)
    assert isinstance(data, dict)
    if isinstance(data.get("title"), str) and data["title"] == rest.get("title"):
        data["title"] = f"{data['title']} [{name}]"
    return Case(document, name, tuple(map(str, combination.values())), data)


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
