"""Scenarios and steps that a Python program says, instead of a file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping

from pydantic import ValidationError
from ruamel.yaml import YAML

from testbed.errors import UsageError
from testbed.scenario.base import Part
from testbed.scenario.beside import problems_beside
from testbed.scenario.defaults import with_defaults
from testbed.scenario.document import Document, read_document
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.load import OWN_FOLDER, parse, with_files
from testbed.scenario.problems import Problem
from testbed.scenario.reach import Reach
from testbed.scenario.readers import reader_of
from testbed.scenario.references import reference_problems
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import AnyStep, ReadStep, Step
from testbed.scenario.words import problems_of

IN_CODE = "<scenario>"
"""What stands for the file's name where there is none."""


def scenario_in_code(said: str | Mapping[str, object], case: str = "", reach: Reach = OWN_FOLDER) -> Scenario:
    """A scenario from YAML text, or from the keys and values of one.  Raises ScenarioError.

    A lab in code is for what its program does in it: ``title``, ``steps`` and ``expect`` need not be said.  Its folder
    is the one the program works in.
    """
    return with_files(_in_code(said, case, reach))


def _in_code(said: str | Mapping[str, object], case: str, reach: Reach) -> Scenario:
    text = said if isinstance(said, str) else _yaml(said)
    data = read_document(IN_CODE, text).data
    if not isinstance(data, dict) or "like" in data:
        return parse(text, IN_CODE, case, reach)
    missing = [key for key in ("title", "steps", "expect") if key not in data]
    if not missing:
        return parse(text, IN_CODE, case, reach)
    if text.lstrip().startswith("{"):
        text = _yaml(data) if data else ""
    filled = "".join(f"\n{key}: {json.dumps(_unsaid(data)[key])}" for key in missing)
    scenario = parse(text.rstrip() + filled, IN_CODE, case, reach)
    unsaid = {key: () for key in missing if key != "title"}
    found = scenario.model_copy(update=unsaid)
    found._text = text
    return found


class _Steps(Part):
    steps: tuple[AnyStep, ...]


def step_in_code(scenario: Scenario, said: Mapping[str, object]) -> Step:
    """One more step for a scenario, from its key and value.  Raises UsageError."""
    steps = [_by_the_only_agent(scenario, dict(said))]
    document = Document(IN_CODE, "")
    try:
        [step] = _Steps.model_validate({"steps": steps}).steps
    except ValidationError as error:
        raise _wrong(problems_of(error, document)) from None
    alone = scenario.model_copy(update={"steps": (step,), "expect": (), "ours": (), "faults": ()})
    if problems := [*reference_problems(alone, document), *problems_beside(alone)]:
        raise _wrong(problems)
    if isinstance(step, ReadStep) and reader_of(scenario, step) is None:
        raise UsageError(f"nobody here reads the mailbox {step.mailbox}; give its owner a user agent among the hosts")
    return step


def _wrong(problems: Iterable[Problem]) -> UsageError:
    return UsageError("; ".join(problem.message for problem in problems))


def _by_the_only_agent(scenario: Scenario, said: dict[str, object]) -> dict[str, object]:
    """The step with who does it, where it does not say and there is only one who could (as in a file)."""
    agents = {
        name: host.address
        for name, host in scenario.hosts.items()
        if isinstance(host, UserAgentSpec) and host.server is not None
    }
    if len(agents) != 1:
        return said
    [(name, address)] = agents.items()
    for kind, key, value in (("send", "from", address), ("talk", "from", name), ("run", "on", name)):
        if kind in said:
            parts = said[kind] if isinstance(said[kind], dict) else {"command": said[kind]}
            return {kind: {key: value, **parts}}  # type: ignore[dict-item]
    return said


def _unsaid(data: Mapping[str, object]) -> dict[str, object]:
    """What stands in for keys that were not said, as a scenario must have them; steps and expectations go again."""
    hosts = data.get("hosts")
    some = next(iter(with_defaults(hosts if isinstance(hosts, dict) else {})))
    return {
        "title": "A lab in code",
        "steps": [{"wait": 0}],
        "expect": [{"connection": {"from": some, "to": some, "handshake": "complete"}}],
    }


def _yaml(data: Mapping[str, object]) -> str:
    """YAML of plain values.  Raises UsageError for what is none."""
    out = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    # What is flat stands in one line; of a whole scenario each key has a line of its own, to which others can be added.
    flat = not any(isinstance(value, dict | list | tuple) for value in data.values())
    writer.default_flow_style = False if flat else None
    writer.width = 10_000
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    try:
        writer.dump(json.loads(json.dumps(data)), out)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"a scenario is made of mappings, lists, text and numbers: {error}") from None
    return out.getvalue()
