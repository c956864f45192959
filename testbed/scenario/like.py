"""A scenario that is like another one: what it does not say itself, it takes over from there.

``hosts`` are merged by name, and each host key by key; every other key is taken from one file or the other as a whole.
The text of such a scenario is its own, followed by that of the other behind a line ``--- # like: FILE``: so a trace
carries all of it, and every line keeps its number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from testbed.scenario.document import Document, read_document
from testbed.scenario.problems import Path, Problem, ScenarioError
from testbed.scenario.program_hosts import KEPT_FROM_ANOTHER, TOLD_TO_AGENTS
from testbed.subjects.subject import AGENT, subjects

MAX_LAYERS = 10
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
    """A document laid over another.  ``data`` is what both say; each place is that in the file that says it."""

    def __init__(self, own: Document, base: Document) -> None:
        text = own.text if own.text.endswith("\n") else own.text + "\n"
        own_data, base_data = _mapping(own), _mapping(base)
        super().__init__(own.file, own.text, _merged(own_data, base_data), own.keys, own.values)
        self.text = f"{text}--- # like: {own_data[_LIKE]}\n{base.text}"
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


def read_layers(file: str, text: str, read: Callable[[str], str], above: tuple[str, ...] = ()) -> Document:
    """Parse a scenario's text, and that of the one it is like: from behind its own, else from its file by ``read``.

    ``above`` are the files that are like this one.  Raises ScenarioError.
    """
    mark = _MARK.search(text)
    own = read_document(file, text[: mark.start()] if mark else text)
    if not isinstance(own.data, dict) or _LIKE not in own.data:
        return read_document(file, text) if mark else own  # which refuses a second document
    other = own.data[_LIKE]
    above = (*above, os.path.realpath(file))
    complaint = _complaint(own.data, other)
    if not complaint:
        path = _beside(file, str(other))
        if os.path.realpath(path) in above:
            complaint = f"'{other}' is this scenario itself, or like it; that would never end"
        elif len(above) > MAX_LAYERS:
            complaint = f"more than {MAX_LAYERS} scenarios are like one another here"
    if complaint:
        raise ScenarioError([own.problem((_LIKE,), complaint)])
    if mark:
        carried = text[mark.end() :]
    else:
        try:
            carried = read(path)
        except ScenarioError as error:
            raise ScenarioError([own.problem((_LIKE,), f"{other}: {error.problems[0].message}")]) from None
    base = read_layers(path, carried, read, above)
    if not isinstance(base.data, dict):
        raise ScenarioError([base.problem((), "a scenario is a mapping with title, steps and expect")])
    return Layered(own, base)


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
