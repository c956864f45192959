"""Scenario files: found, read within bounds, validated, with every mistake named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from testbed.errors import UsageError, reason
from testbed.scenario.cases import Case, cases
from testbed.scenario.compress import compressed
from testbed.scenario.defaults import with_defaults
from testbed.scenario.document import Document
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.like import read_layers
from testbed.scenario.problems import Problem, ScenarioError
from testbed.scenario.readers import with_readers
from testbed.scenario.references import reference_problems
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import SendStep
from testbed.scenario.words import problems_of

MAX_OCTETS = 1_048_576
_SUFFIXES = (".yaml", ".yml")


def discover(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files as they are given; folders searched through, their files sorted.  Raises UsageError."""
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if os.path.isdir(path):  # unlike is_dir(), never raises
            inside = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and not p.is_dir())
            if not inside:
                raise UsageError(f"{path} holds no scenario: no file in it ends in .yaml or .yml")
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def load_all(paths: Sequence[Path]) -> list[Scenario]:
    """Every scenario of every file, or ScenarioError with the mistakes of all."""
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            scenarios += load_cases(path)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return scenarios


def load(path: str | os.PathLike[str]) -> Scenario:
    """The one scenario of a file.  Raises ScenarioError."""
    file = os.fspath(path)
    return _with_files(parse(_read(file), file))


def load_cases(path: str | os.PathLike[str]) -> list[Scenario]:
    """Every case of a file.  Raises ScenarioError."""
    file = os.fspath(path)
    return [_with_files(scenario) for scenario in parse_cases(_read(file), file)]


def parse(text: str, file: str = "scenario.yaml", case: str = "") -> Scenario:
    """A scenario from its text, or the named case of its matrix; ``file`` is what errors call it.

    Raises ScenarioError, also when there are several cases and none is named.
    """
    found = parse_cases(text, file)
    for scenario in found:
        if scenario.case == case:
            return scenario
    names = "; ".join(scenario.case for scenario in found[:5])
    raise ScenarioError([Problem(file, 0, 0, f"the file has {len(found)} cases, none of them '{case}': {names} …")])


def parse_cases(text: str, file: str = "scenario.yaml") -> list[Scenario]:
    """Every case of a scenario's text, in the order of its matrix.  Raises ScenarioError."""
    document = read_layers(file, text, _read)
    if not isinstance(document.data, dict):
        message = "a scenario is a mapping with title, steps and expect"
        raise ScenarioError([document.problem((), message)])
    found: list[Scenario] = []
    problems: list[Problem] = []
    for case in cases(document, document.data):
        try:
            found.append(_scenario(document, case))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return found


def _scenario(document: Document, case: Case) -> Scenario:
    data = case.data
    hosts = data.get("hosts")
    if hosts is None or isinstance(hosts, dict):
        data = {**data, "hosts": with_readers(with_defaults(hosts or {}), data.get("steps"))}
    try:
        scenario = Scenario.model_validate(_with_sender(data))
    except ValidationError as error:
        raise ScenarioError(problems_of(error, document)) from None
    _place(scenario, document)
    scenario._case, scenario._case_values = case.name, case.values
    problems = reference_problems(scenario, document)
    if problems:
        raise ScenarioError(problems)
    return compressed(scenario)


def _with_files(scenario: Scenario) -> Scenario:
    """The scenario, whose attachments are there.  Of a scenario out of a trace they need not be."""
    place = scenario.file_of("steps")
    problems = [
        Problem(place, step.line, 1, f"the attachment '{one.file[:60]}' is no file beside the scenario")
        for step in scenario.steps
        if isinstance(step, SendStep)
        for one in step.attach
        if one.file is not None and not os.path.isfile(os.path.join(os.path.dirname(place), one.file))
    ]
    if problems:
        raise ScenarioError(problems)
    return scenario


def _with_sender(data: dict[str, object]) -> dict[str, object]:
    """Fill in who sends, talks or runs a program, where a step does not say.

    It is the owner of the agent that mail goes via, or the lab's only agent.
    """
    hosts, steps = data.get("hosts"), data.get("steps")
    if not isinstance(hosts, dict) or not isinstance(steps, list):
        return data
    role = UserAgentSpec.model_fields["role"].default
    agents = {
        name: host.get("address")
        for name, host in hosts.items()
        if isinstance(host, dict)
        if host.get("role") == role and host.get("server") is not None
    }
    return {**data, "steps": [_sent_by(step, agents) for step in steps]}


def _sent_by(step: object, agents: dict[str, object]) -> object:
    only = next(iter(agents), None) if len(agents) == 1 else None
    if isinstance(step, dict) and set(step) == {"talk"} and isinstance(step["talk"], dict) and only is not None:
        return {"talk": {"from": only, **step["talk"]}}
    if isinstance(step, dict) and set(step) == {"run"} and only is not None:
        body = step["run"] if isinstance(step["run"], dict) else {"command": step["run"]}
        return {"run": {"on": only, **body}}
    if not (isinstance(step, dict) and set(step) == {"send"} and isinstance(step["send"], dict)):
        return step
    via = step["send"].get("via")
    address = agents.get(via if isinstance(via, str) else only or "")
    return {"send": {"from": address, **step["send"]}} if isinstance(address, str) else step


def _place(scenario: Scenario, document: Document) -> None:
    scenario._file, scenario._text = document.file, document.text
    scenario._host_files = {name: document.file_of(("hosts", name, "files")) for name in scenario.hosts}
    scenario._files = {key: document.file_of((key,)) for key in ("faults", "steps", "expect")}
    for name, host in scenario.hosts.items():
        host._name = name
    for key, parts in (("faults", scenario.faults), ("steps", scenario.steps), ("expect", scenario.expect)):
        for number, part in enumerate(parts):
            part._line = document.line_of((key, number))


def _read(file: str) -> str:
    """The text of a regular file of sensible size; never waits for a pipe, never reads a device."""

    def refuse(message: str) -> ScenarioError:
        return ScenarioError([Problem(file, 0, 0, message)])

    try:
        with open(file, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as source:
            facts = os.fstat(source.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise refuse("this is not a regular file")
            if facts.st_size > MAX_OCTETS:
                raise refuse(f"{facts.st_size:,} octets are too many for a scenario; the limit is {MAX_OCTETS:,}")
            content = source.read(MAX_OCTETS + 1)
    except (FileNotFoundError, ValueError):  # ValueError: no file has such a name
        raise refuse("there is no such file or folder") from None
    except OSError as error:
        raise refuse(f"it cannot be read: {reason(error)}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScenarioError([Problem(file, line, 1, "this is not UTF-8 text; save the file as UTF-8")]) from None
    if "\0" in text:
        raise refuse("this is not text: it holds NUL octets")
    return text
