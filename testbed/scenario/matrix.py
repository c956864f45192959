"""The matrix of a file: which combinations of its parameters' values there are.

Lists are multiplied with one another; a key may name several parameters, whose values then go together.  ``exclude``
takes combinations away, and ``include`` adds to those that are left, as in the workflows of GitHub Actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod

from pydantic import BaseModel, ConfigDict, Field

from testbed.scenario.document import Document
from testbed.scenario.problems import Path, Problem, ScenarioError, did_you_mean

MAX_CASES = 500
MATRIX = "matrix"
_INCLUDE, _EXCLUDE = "include", "exclude"

Scalar = str | int | float | bool
Combination = Mapping[str, Scalar]
"""Parameters and their values."""


class Matrix(BaseModel):
    """Parameters with their lists of values, or several of them in one key, 'a, b', with lists of such lists."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, tuple[Scalar | tuple[Scalar, ...], ...]]

    include: tuple[dict[str, Scalar], ...] = Field(
        default=(), description="Values added to the combinations that they fit, or combinations of their own."
    )
    exclude: tuple[dict[str, Scalar], ...] = Field(
        default=(), description="Combinations left out: all that have these."
    )


def combinations(document: Document, given: object) -> list[Combination]:
    """All combinations of a document's matrix, which is ``given``, in its order.  Raises ScenarioError."""
    reading = _Reading(document)
    found = reading.read(given)
    if reading.problems:
        raise ScenarioError(reading.problems)
    return found


def place_of(name: str, matrix: object) -> Path:
    """Where in a document a matrix gives a parameter its values."""
    for key, value in matrix.items() if isinstance(matrix, dict) else ():
        if key == _INCLUDE:
            return next((MATRIX, key, number, name) for number, entry in enumerate(value) if name in entry)
        if name in _names(key):
            return MATRIX, key
    return (MATRIX,)


def in_words(combination: Combination) -> str:
    """``command=MAIL, how=reset``."""
    return ", ".join(f"{name}={value}" for name, value in combination.items())


def without_value(name: str, combination: Combination) -> str:
    """What is wrong where a parameter stands that a combination lacks."""
    return f"'${name}' has no value where {in_words(combination)[:100]}; let 'include' give it one"


def _names(key: str) -> list[str]:
    return [name.strip() for name in key.split(",")]


def _fits(combination: Combination, wanted: Combination) -> bool:
    """Whether it has those values.  Values are alike that are written alike, for cases are known by their words."""
    return all(name in combination and str(combination[name]) == str(value) for name, value in wanted.items())


def _joined(rows: Iterable[Combination]) -> Combination:
    return {name: value for row in rows for name, value in row.items()}


class _Reading:
    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def read(self, given: object) -> list[Combination]:
        if not isinstance(given, dict) or not given:
            self._complain((), "'matrix' is a mapping of parameters to lists: {command: [MAIL, RCPT]}")
            return []
        lists = {key: values for key, values in given.items() if key not in (_INCLUDE, _EXCLUDE)}
        known: dict[str, None] = {}
        for key in lists:
            self._name(key, known)
        rows = [self._rows(key, values) for key, values in lists.items()]
        excluded, included = (self._entries(key, given.get(key)) for key in (_EXCLUDE, _INCLUDE))
        count = prod(map(len, rows))
        if count > MAX_CASES:
            self._complain((), f"{count:,} cases are too many for one file; the limit is {MAX_CASES}")
        if self.problems:
            return []
        left = self._without([_joined(chosen) for chosen in product(*rows) if chosen], excluded, known)
        found = self._with(left, included, known)
        if not found and not self.problems:
            self._complain((_EXCLUDE,), "'exclude' leaves no case" if excluded else "the matrix lists no values")
        return found

    def _complain(self, path: Path, message: str, *, key: bool = False) -> None:
        self.problems.append(self._document.problem((MATRIX, *path), message, key=key))

    def _name(self, key: str, known: dict[str, None]) -> None:
        for name in _names(key):
            if not name.isidentifier() or not name.isascii():
                wrong = f"'{name[:40]}' is not the name of a parameter: letters, digits and _ only"
                self._complain((key,), wrong, key=True)
            elif name in known:
                self._complain((key,), f"'{name[:40]}' has its values from another key already", key=True)
            known[name] = None

    def _rows(self, key: str, values: object) -> list[Combination]:
        """What one key lists: the values of its parameter, or of its parameters."""
        names, rows = _names(key), list[Combination]()
        if not isinstance(values, list) or not values:
            self._complain((key,), f"'{key[:40]}' must be a list of at least one value")
            return []
        for number, value in enumerate(values):
            row = value if len(names) > 1 else [value]
            if not isinstance(row, list) or len(row) != len(names):
                self._complain(
                    (key, number),
                    f"each value of '{key[:40]}' is a list of {len(names)} values",
                )
            elif not all(isinstance(one, Scalar) for one in row):
                several = "; the parameters of several are named in the key: 'a, b'" if isinstance(value, list) else ""
                self._complain((key, number), f"a value of the matrix is a word or a number{several}")
            else:
                found = dict(zip(names, row, strict=True))
                if any(_fits(found, other) for other in rows):
                    self._complain((key, number), f"'{', '.join(map(str, row))[:40]}' is listed twice")
                rows.append(found)
        return rows

    def _entries(self, key: str, entries: object) -> list[Combination]:
        """What ``include`` or ``exclude`` lists."""
        if entries is None:
            return []
        if not isinstance(entries, list) or not entries or len(entries) > MAX_CASES:
            self._complain((key,), f"'{key}' is a list of 1 to {MAX_CASES} mappings: [{{command: MAIL, how: reset}}]")
            return []
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict) or not entry:
                self._complain((key, number), "parameters and their values go here: {command: MAIL, how: reset}")
                continue
            for name, value in entry.items():
                if not name.isidentifier() or not name.isascii():
                    self._complain((key, number, name), f"'{name[:40]}' is not the name of a parameter", key=True)
                elif not isinstance(value, Scalar):
                    self._complain((key, number, name), "a value of the matrix is a word or a number")
        return entries

    def _without(
        self, multiplied: list[Combination], excluded: Sequence[Combination], known: Iterable[str]
    ) -> list[Combination]:
        for number, entry in enumerate(excluded):
            unknown = [name for name in entry if name not in known]
            for name in unknown:
                message = f"'{name[:40]}' has no list in the matrix{did_you_mean(name, known)}"
                self._complain((_EXCLUDE, number, name), message, key=True)
            if not unknown and not any(_fits(combination, entry) for combination in multiplied):
                self._complain((_EXCLUDE, number), f"this excludes nothing: no combination has {in_words(entry)}"[:200])
        return [one for one in multiplied if not any(_fits(one, entry) for entry in excluded)]

    def _with(
        self, left: list[Combination], included: Sequence[Combination], known: Iterable[str]
    ) -> list[Combination]:
        """Add each entry to the combinations whose listed values it does not change, or as one of its own."""
        extended, own = [dict(combination) for combination in left], list[Combination]()
        for number, entry in enumerate(included):
            listed = {name: value for name, value in entry.items() if name in known}
            fitting = [at for at, combination in enumerate(left) if _fits(combination, listed)]
            alike = (len(other) == len(entry) and _fits(other, entry) for other in own)
            if all(_fits(extended[at], entry) for at in fitting) if fitting else any(alike):
                self._complain((_INCLUDE, number), f"this adds nothing: {in_words(entry)} is there already"[:200])
            for at in fitting:
                extended[at].update(entry)
            own += [] if fitting else [entry]
        if len(extended) + len(own) > MAX_CASES:
            count = len(extended) + len(own)
            self._complain((_INCLUDE,), f"{count:,} cases are too many for one file; the limit is {MAX_CASES}")
        return [*extended, *own]
