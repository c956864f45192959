"""Scenarios as data, and from data again: for who changes one and plays it anew.

The text of one so made has a part a line, and is a scenario's text like any other: it goes into the trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from testbed.scenario.cases import Case, cases
from testbed.scenario.document import Document
from testbed.scenario.load import checked, read_layers_of
from testbed.scenario.problems import Path
from testbed.scenario.scenario import Scenario

Data = Mapping[str, object]
"""What a scenario says: keys and values as YAML has them, its matrix filled in, and nothing left to be ``like``."""

_LISTS = ("faults", "steps", "expect", "ours")


def data_of(scenario: Scenario) -> dict[str, object]:
    """What a scenario says, of itself and as the one it is like."""
    found = cases(read_layers_of(scenario))
    return next(case.data for case in found if case.name == scenario.case)


def rewritten(scenario: Scenario, data: Data) -> Scenario:
    """The same file's scenario with other data.  Raises ScenarioError for what is none.

    ``expect`` may be missing: then only what always holds is judged, and what the scenario expects is still foreseen.
    """
    document = _laid_out(scenario.file, data if data.get("expect") else {**data, "expect": [_anything(scenario)]})
    found = checked(Case(document, scenario.case, scenario._case_values, dict(_mapping(document))), scenario.reach)
    found._host_files, found._files = scenario._host_files, {**found._files, "steps": scenario.file_of("steps")}
    if not data.get("expect"):
        found = found.model_copy(update={"expect": (), "ours": ()})
        found._foreseen_besides = scenario.foreseen
    return found


def _anything(scenario: Scenario) -> dict[str, object]:
    """What stands where a scenario must expect something; it is not judged."""
    some = next(iter(scenario.hosts))
    return {"connection": {"from": some, "to": some, "handshake": "complete"}}


def text_of(data: Data) -> str:
    """The scenario's text: a line for each host, fault, step and expectation."""
    return "\n".join(line for _, line in _lines(data)) + "\n"


def _laid_out(file: str, data: Data) -> Document:
    placed = list(_lines(data))
    places = {path: (number, 1) for number, (path, _) in enumerate(placed, 1)}
    return Document(file, "\n".join(line for _, line in placed) + "\n", dict(data), dict(places), places)


def _lines(data: Data) -> Iterator[tuple[Path, str]]:
    for key, value in data.items():
        if key in _LISTS and isinstance(value, list | tuple):
            yield (key,), f"{key}:" if value else f"{key}: []"
            for number, part in enumerate(value):
                yield (key, number), f"- {_flow(part)}"
        elif key == "hosts" and isinstance(value, Mapping) and value:
            yield (key,), f"{key}:"
            for name, host in value.items():
                yield (key, name), f"  {_flow(name)}: {_flow(host)}"
        else:
            yield (key,), f"{key}: {_flow(value)}"


def _flow(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _mapping(document: Document) -> Mapping[str, object]:
    assert isinstance(document.data, dict)
    return document.data
