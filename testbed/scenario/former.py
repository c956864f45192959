"""Spellings that the language had before: they are still read, and ``testbed check`` names the present ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from testbed.plural import count
from testbed.scenario.document import Document
from testbed.scenario.faults.times import ALWAYS, FORMERLY_ALWAYS
from testbed.scenario.faults.wire import COUNTING, ONCE
from testbed.scenario.problems import Path, Problem
from testbed.scenario.reply_expected import FORMERLY_ON

if TYPE_CHECKING:
    from testbed.scenario.scenario import Scenario


def former_spellings(data: Mapping[str, object], document: Document) -> tuple[Problem, ...]:
    """What a scenario says in former words, each with the present ones, at its place in the file."""
    return tuple(document.problem(path, hint, key=True) for path, hint in _found(data))


def former_told(scenarios: Iterable[Scenario]) -> str:
    """How many of them scenarios hold, and what names them; ``""`` for none."""
    number = len(dict.fromkeys(hint for scenario in scenarios for hint in scenario.former))
    return f"{count(number, 'former spelling')}, still read; 'testbed check' names the present ones" if number else ""


def as_written(path: Path, document: Document) -> Path:
    """The path of a value whose key has its former name in the file."""
    former = (*path[:-1], FORMERLY_ON)
    is_reply = path[2:] == ("reply", "on") and path not in document.values and former in document.values
    return former if is_reply else path


def _found(data: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    for number, fault in _mappings(data.get("faults")):
        for key in ("times", *COUNTING):
            if fault.get(key) == FORMERLY_ALWAYS:
                yield ("faults", number, key), f"'{key}: {FORMERLY_ALWAYS}' is now '{key}: {ALWAYS}'"
        for act in ONCE:
            if "between" in fault and act in fault and "times" not in fault:
                yield ("faults", number, act), f"say 'times: 1' with '{act}', or 'times: {ALWAYS}' (default: 1)"
    for key in ("expect", "ours"):
        for number, expectation in _mappings(data.get(key)):
            reply = expectation.get("reply")
            if isinstance(reply, Mapping) and FORMERLY_ON in reply and "on" not in reply:
                command = reply[FORMERLY_ON]
                yield (key, number, "reply", FORMERLY_ON), f"'{FORMERLY_ON}: {command}' is now 'on: {command}'"


def _mappings(parts: object) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, part in enumerate(parts if isinstance(parts, list | tuple) else ()):
        if isinstance(part, Mapping):
            yield number, part
