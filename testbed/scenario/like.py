"""A scenario that is like another one: what it does not say itself, it takes over from there.

``hosts`` are merged by name, and each host key by key; every other key is taken from one file or the other as a whole.
The text of such a scenario is its own, followed by that of the other behind a line ``--- # like: FILE``: so a trace
carries all of it, and every line keeps its number.  Where parameters of the matrix choose the other file, each case has
a text of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from string import Template

from msgspec import Struct

from testbed.scenario.document import Document, read_document
from testbed.scenario.matrix import MATRIX, Combination, combinations, without_value
from testbed.scenario.problems import Path, Problem, ScenarioError, did_you_mean
from testbed.scenario.program_hosts import KEPT_FROM_ANOTHER, TOLD_TO_AGENTS
from testbed.subjects.subject import AGENT, subjects

MAX_LAYERS = 10
MAX_FILES = 200
_LIKE, _HOSTS = "like", "hosts"
_MARK = re.compile(r"^--- # like: (.*)$\n?", re.M)

Data = dict[str, object]


def texts(file: str, text: str) -> dict[str, str]:
    """The files a scenario's text is put together from, each with its own part of it."""
    found = {}
    while mark := _MARK.search(text):
        found[file], text = text[: mark.start()], text[mark.end() :]
        file = _beside(file, mark[1])
    return {**found, file: text}


def _beside(file: str, other: str) -> str:
    """The path of a file that is named in another one."""
    return os.path.normpath(os.path.join(os.path.dirname(file), other))


class Layered(Document):
    """A document laid over another, whose file it calls ``name``.

    ``data`` is what both say; each place is that in the file that says it.
    """

    def __init__(self, own: Document, base: Document, name: str) -> None:
        text = own.text if own.text.endswith("\n") else own.text + "\n"
        own_data, base_data = _mapping(own), _mapping(base)
        super().__init__(own.file, own.text, _merged(own_data, base_data), own.keys, own.values, own.texts)
        self.text = f"{text}--- # like: {name}\n{base.text}"
        self._own = own
        self._base = base

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        return self._owner(path).problem(path, message, key=key)

    def line_of(self, path: Path) -> int:
        return self._owner(path).line_of(path)

    def file_of(self, path: Path) -> str:
        return self._owner(path).file_of(path)

    def _owner(self, path: Path) -> Document:
        own: object = self._own.data
        base: object = self._base.data
        for depth, key in enumerate(path[: 3 if path[:1] == (_HOSTS,) else 1]):
            if not isinstance(base, dict) or key not in base:
                return self._own
            if own is None or (isinstance(own, dict) and key not in own):
                return self._base
            if not isinstance(own, dict) or (depth == 1 and not _alike(own[key], base[key])):
                return self._own
            own, base = own[key], base[key]
        return self._base if own is None and len(path) > 1 else self._own


class Layers(Struct, frozen=True):
    """A scenario's document, with all that it is like below it, and the combinations of the matrix it is read for.

    These have their numbers in the matrix; None where there is no matrix.  ``used`` are the parameters that have
    chosen among files.
    """

    document: Document
    combinations: Mapping[int, Combination] | None
    used: frozenset[str] = frozenset()


def read_layers(file: str, text: str, read: Callable[[str], str]) -> list[Layers]:
    """Parse a scenario's text, and that of the one it is like: from behind its own, else from its file by ``read``.

    There are several where parameters of the matrix choose what it is like; of a text that carries one of these only
    that.  Raises ScenarioError.
    """
    return _Reading(read).layers(file, text, (), None)


class _Reading:
    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._files = 0

    def layers(
        self, file: str, text: str, above: tuple[str, ...], chosen: Mapping[int, Combination] | None
    ) -> list[Layers]:
        """``above`` are the files that are like this one, ``chosen`` the combinations for which they are."""
        mark = _MARK.search(text)
        own = read_document(file, text[: mark.start()] if mark else text)
        if chosen is None and isinstance(own.data, dict) and MATRIX in own.data:
            chosen = dict(enumerate(combinations(own, own.data[MATRIX])))
        if not isinstance(own.data, dict) or _LIKE not in own.data:
            return [Layers(read_document(file, text) if mark else own, chosen)]  # which refuses a second document
        if complaint := _complaint(own.data, own.data[_LIKE]):
            raise ScenarioError([own.problem((_LIKE,), complaint)])
        names, others = _others(own, chosen)
        if mark and names:
            if mark[1] not in others:
                return [Layers(read_document(file, text), chosen)]  # which refuses a second document
            others = {mark[1]: others[mark[1]]}
        found: list[Layers] = []
        problems: list[Problem] = []
        for other, members in others.items():
            try:
                below = self._below(own, other, text[mark.end() :] if mark else None, above, members)
            except ScenarioError as error:
                problems += error.problems
                continue
            found += [Layers(Layered(own, one.document, other), one.combinations, one.used | names) for one in below]
        if problems:
            raise ScenarioError(list(dict.fromkeys(problems)))
        return found

    def _below(
        self,
        own: Document,
        other: str,
        carried: str | None,
        above: tuple[str, ...],
        chosen: Mapping[int, Combination] | None,
    ) -> list[Layers]:
        """What the document of that name, which ``own`` is like, is read as."""
        above = (*above, os.path.realpath(own.file))
        path = _beside(own.file, other)
        complaint = _complaint(_mapping(own), other)
        if os.path.realpath(path) in above:
            complaint = f"'{other}' is this scenario itself, or like it; that would never end"
        elif len(above) > MAX_LAYERS:
            complaint = f"more than {MAX_LAYERS} scenarios are like one another here"
        elif self._files == MAX_FILES:
            complaint = f"the cases of a file are like more than {MAX_FILES} others"
        if complaint:
            raise ScenarioError([own.problem((_LIKE,), complaint)])
        if carried is None:
            self._files += 1
            try:
                carried = self._read(path)
            except ScenarioError as error:
                raise ScenarioError([own.problem((_LIKE,), f"{other}: {error.problems[0].message}")]) from None
        found = self.layers(path, carried, above, chosen)
        if not isinstance(found[0].document.data, dict):
            raise ScenarioError([found[0].document.problem((), "a scenario is a mapping with title, steps and expect")])
        return found


def _others(
    own: Document, chosen: Mapping[int, Combination] | None
) -> tuple[frozenset[str], dict[str, Mapping[int, Combination] | None]]:
    """The parameters in the name of what a scenario is like, and for which combinations it is like which file."""
    template = Template(str(_mapping(own)[_LIKE]))
    names = frozenset(template.get_identifiers())
    if not names:
        return names, {template.template: chosen}
    known = {name for combination in (chosen or {}).values() for name in combination}
    others: dict[str, dict[int, Combination]] = {}
    complaints = [f"'${name}' is not a parameter of the matrix{did_you_mean(name, known)}" for name in names - known]
    for number, combination in (chosen or {}).items():
        complaints += [without_value(name, combination) for name in (names & known) - set(combination)]
        others.setdefault(template.safe_substitute(combination), {})[number] = combination
    if complaints:
        raise ScenarioError([own.problem((_LIKE,), complaint) for complaint in sorted(set(complaints))])
    return names, dict(others)


def _complaint(data: Data, other: object) -> str:
    if not isinstance(other, str) or not other.strip() or not other.isprintable():
        return "'like' is the file of another scenario: ../mailbox-full.yaml"
    if "title" not in data:
        return "a scenario that is like another needs a 'title' of its own"
    return ""


def _mapping(document: Document) -> Data:
    assert isinstance(document.data, dict)
    return document.data


def _merged(own: Data, base: Data) -> Data:
    merged = {**base, **own}
    merged.pop(_LIKE)
    if "expect" in own and "ours" not in own:
        merged.pop("ours", None)
    mine, theirs = own.get(_HOSTS), base.get(_HOSTS)
    if mine is None and theirs is not None:
        merged[_HOSTS] = theirs
    elif isinstance(mine, dict) and isinstance(theirs, dict):
        merged[_HOSTS] = {**theirs, **{name: _host(spec, theirs.get(name)) for name, spec in mine.items()}}
    return merged


def _host(own: object, base: object) -> object:
    if own is None:
        return base
    if isinstance(own, dict) and isinstance(base, dict) and _alike(own, base):
        if _player(own) and _player(own) != _player(base):
            kept = KEPT_FROM_ANOTHER | (TOLD_TO_AGENTS if _is_ready_made_agent(own) else frozenset())
            base = {key: value for key, value in base.items() if key in kept}
        return {**base, **own}
    return own


def _player(host: Data) -> object:
    """Who plays a host: a program of the user's, a ready-made one, or nobody but the lab."""
    return host.get("program") or ("command" if "command" in host else None)


def _is_ready_made_agent(host: Data) -> bool:
    subject = subjects().get(str(host.get("program")))
    return subject is not None and AGENT in subject.roles


def _alike(own: object, base: object) -> bool:
    """Whether a host may take over from another: one that is given another role starts anew."""
    if not isinstance(own, dict) or not isinstance(base, dict):
        return own is None
    return "role" not in own or own["role"] == base.get("role")
