"""A scenario's data for another folder: the names of files in it lead to where they led before."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.scenario.like import texts
from testbed.scenario.rewritten import Data
from testbed.scenario.scenario import Scenario

_SCHEMA = re.compile(r"^# yaml-language-server: \$schema=(\S+)", re.M)
_COMMANDS = ("command", "holds")

_Rename = Callable[[str], str]


def rebased(scenario: Scenario, data: Data, folder: Path) -> dict[str, object]:
    """The data of a scenario, or of one made from it, as a file in a folder would say it."""
    found = dict(data)
    here = Path(scenario.file).parent

    def word(text: str) -> str:
        return _word(text, here, folder)

    hosts = data.get("hosts")
    if isinstance(hosts, Mapping):
        found["hosts"] = {name: _host(scenario, name, spec, folder, word) for name, spec in hosts.items()}
    steps = data.get("steps")
    if isinstance(steps, list | tuple):
        beside = Path(scenario.file_of("steps")).parent
        found["steps"] = [_step(step, lambda file: _moved(file, beside, folder), word) for step in steps]
    return found


def schema_line(scenario: Scenario, folder: Path) -> str:
    """The line that tells editors of the schema, as a scenario's file has it; ``""`` where it has none."""
    for file, text in texts(scenario.file, scenario.text).items():
        if (line := _SCHEMA.search(text)) is not None:
            schema = line[1] if "://" in line[1] else _moved(line[1], Path(file).parent, folder)
            return f"# yaml-language-server: $schema={schema}"
    return ""


def _host(scenario: Scenario, name: object, spec: object, folder: Path, word: _Rename) -> object:
    if not isinstance(spec, Mapping):
        return spec
    found = dict(spec)
    if isinstance(files := spec.get("files"), str):
        found["files"] = _moved(files, scenario.folder_of_files(str(name)), folder)
    return {key: _command(value, word) if key in _COMMANDS else value for key, value in found.items()}


def _step(step: object, attached: _Rename, word: _Rename) -> object:
    if not isinstance(step, Mapping):
        return step
    [(kind, body)] = step.items()
    if kind == "run":
        if isinstance(body, Mapping):
            return {kind: {key: _command(value, word) if key in _COMMANDS else value for key, value in body.items()}}
        return {kind: _command(body, word)}
    if kind == "send" and isinstance(body, Mapping) and "attach" in body:
        several = body["attach"] if isinstance(body["attach"], list | tuple) else [body["attach"]]
        return {kind: {**body, "attach": [_attachment(one, attached) for one in several]}}
    return step


def _attachment(one: object, attached: _Rename) -> object:
    if isinstance(one, Mapping) and isinstance(one.get("file"), str):
        return {**one, "file": attached(one["file"])}
    return one


def _command(command: object, word: _Rename) -> object:
    if isinstance(command, list | tuple):
        return [word(one) if isinstance(one, str) else one for one in command]
    if not isinstance(command, str):
        return command
    words = shlex.split(command)
    moved = [word(one) for one in words]
    return command if moved == words else shlex.join(moved)


def _word(text: str, here: Path, folder: Path) -> str:
    """A word of a command that names a file beside the scenario, where it then is; ``--name=FILE`` too."""
    before, equals, file = text.rpartition("=")
    is_path = bool(file) and not os.path.isabs(file) and (here / file).is_file()
    return before + equals + _moved(file, here, folder) if is_path else text


def _moved(file: str, here: Path, folder: Path) -> str:
    return file if os.path.isabs(file) else os.path.relpath(here / file, folder)
