"""What was found, as a file: a commented scenario that is red in ``testbed run``, with its trace beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from msgspec import Struct

from testbed.errors import not_written
from testbed.explore.candidate import FaultData
from testbed.explore.comments import comments, see_for_yourself
from testbed.explore.confirmed import Confirmed, confirm
from testbed.explore.expected import expected, is_red
from testbed.explore.first_run import Explored
from testbed.explore.naming import file_name, title
from testbed.explore.promises import Promise, promise
from testbed.explore.rebased import rebased, schema_line
from testbed.explore.shrink import Play, Shrunk
from testbed.scenario.as_yaml import as_yaml
from testbed.scenario.load import OWN_FOLDER, parse, read_file, with_files
from testbed.scenario.problems import ScenarioError
from testbed.scenario.reach import Reach
from testbed.scenario.rewritten import rewritten
from testbed.scenario.scenario import Scenario
from testbed.whole_file import whole_file

_APART = ("hosts", "faults", "steps", "expect")
_TOLD_ANEW = ("title", "about", "rfc", "expect", "ours")
_FAULT_KEYS = (
    *("at", "as", "host", "link", "between", "zone", "kind", "tls", "on", "mail_from", "recipient", "when", "packets"),
    *("phase", "octet", "larger_than", "nth", "connection", "chance", "is", "answer", "reply", "raw", "delay", "then"),
    *("after", "pace"),
)
_SECONDS = re.compile(r"([1-9]\d*)s")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


class Written(Struct, frozen=True):
    """The files that a shrunk scenario has become; without ``trace`` it was not red again.

    ``in_run`` tells whether it is red in ``testbed run``, and not only where explorations ask more.
    """

    scenario: Path
    trace: Path | None
    confirmed: Confirmed
    in_run: bool


def write(explored: Explored, shrunk: Shrunk, play: Play, kept: Path, folder: Path, found_by: str) -> Written | None:
    """Play what was shrunk a few times more, and write ``NAME.yaml`` and ``NAME.pcapng`` into a folder.

    ``kept`` is where who plays leaves traces, ``found_by`` the command that has found it.  A file that says the same
    is written anew, no other is.  None for what was red only once.  Raises MachineError and UsageError where files
    cannot be written.
    """
    if shrunk.breach is None:
        return None
    promised = promise(shrunk.breach.what)
    variant = shrunk.variant.with_faults([_as_people_write(fault) for fault in shrunk.variant.faults])
    scenario = rewritten(explored.scenario, variant.whole)
    data = rebased(explored.scenario, variant.whole, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(f"{folder}: the folder cannot be made", error) from None
    path = _place(folder, file_name(promised, variant.faults), data)
    trace = path.with_suffix(".pcapng")
    confirmed = confirm(shrunk, play, kept, trace)
    seen = trace if confirmed.red else None
    in_run = seen is not None and is_red(scenario, seen)
    expect = expected(explored.scenario, scenario, variant.whole, seen)
    data = _in_order({**data, **_told(promised, scenario), "expect": expect})
    above = list(comments(found_by, shrunk, promised, confirmed, scenario.faults, path))
    _save(path, _text(explored.scenario, data, above, path, in_run=in_run))
    return Written(path, seen, confirmed, in_run)


def _text(origin: Scenario, data: Mapping[str, object], above: list[str], path: Path, *, in_run: bool) -> str:
    body = as_yaml(data, _APART)
    outside = not _is_within_reach(body, path)
    schema = schema_line(origin, path.parent)
    lines = [*([schema] if schema else []), *above, *see_for_yourself(path, in_run=in_run, outside=outside)]
    return "\n".join(lines) + "\n\n" + body


def _is_within_reach(text: str, path: Path) -> bool:
    try:
        with_files(parse(text, os.fspath(path), reach=OWN_FOLDER))
    except ScenarioError:
        return False
    return True


def _place(folder: Path, name: str, data: Mapping[str, object]) -> Path:
    """Where no file is yet, or one that says the same."""
    for number in count(1):
        path = folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
        is_free = not os.path.lexists(path) and not os.path.lexists(path.with_suffix(".pcapng"))
        if is_free or _says(path, data):
            return path
    raise AssertionError


def _says(path: Path, data: Mapping[str, object]) -> bool:
    try:
        [document] = read_file(path, Reach(anywhere=True))
    except (ScenarioError, ValueError):
        return False
    said = document.data
    return isinstance(said, dict) and _lasting(said) == _lasting(data)


def _lasting(data: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if key not in _TOLD_ANEW}


def _told(promised: Promise, scenario: Scenario) -> dict[str, object]:
    told = {"title": title(promised, scenario.faults), "about": promised.kept, "rfc": promised.rfc}
    return {key: value for key, value in told.items() if value}


def _in_order(data: Mapping[str, object]) -> dict[str, object]:
    first, last = ("title", "about", "rfc"), ("hosts", "faults", "steps", "settle", "expect")
    known = [key for key in data if key not in (*first, *last)]
    return {key: data[key] for key in (*first, *known, *last) if key in data}


def _as_people_write(fault: FaultData) -> dict[str, object]:
    """The same fault: where and what before how often and when, and no 518400s where 6d will do."""
    keys = [key for key in (*_FAULT_KEYS, *fault) if key in fault]
    return {key: _span(fault[key]) for key in dict.fromkeys(keys)}


def _span(value: object) -> object:
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    rest, words = int(found[1]), []
    for seconds, unit in _UNITS:
        number, rest = divmod(rest, seconds)
        words += [f"{number}{unit}"] if number else []
    return " ".join(words)


def _save(path: Path, text: str) -> None:
    try:
        with whole_file(path) as out:
            out.write(text.encode())
    except OSError as error:
        raise not_written(f"{path}: the scenario cannot be written", error) from None
