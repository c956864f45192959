"""Scenario files: found, read within bounds, validated, with every mistake named."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from pydantic import ValidationError

from testbed.errors import UsageError, reason
from testbed.protocols.text import shown
from testbed.regular_file import NotRegularError, files_below, read_regular
from testbed.scenario.beside import problems_beside
from testbed.scenario.cases import Case, cases
from testbed.scenario.compress import compressed
from testbed.scenario.defaults import with_defaults
from testbed.scenario.document import Document
from testbed.scenario.former import former_spellings
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.like import Layers, read_layers
from testbed.scenario.problems import Problem, ScenarioError
from testbed.scenario.reach import Reach
from testbed.scenario.readers import with_readers
from testbed.scenario.ready_made import with_ready_made
from testbed.scenario.recognition import SUFFIXES, looks_like_scenario
from testbed.scenario.references import reference_problems
from testbed.scenario.scenario import Scenario
from testbed.scenario.words import problems_of

MAX_OCTETS = 1_048_576
OWN_FOLDER = Reach()
_CAPTURES = (".pcap", ".pcapng", ".pcap.gz", ".pcapng.gz")
_ITS_WORDS = re.compile(r"""^(?:[ \t]*\{)?["']?(?:title|like|steps|expect)["']?[ \t]*:""", re.M)
_ITS_WORDS_IN_JSON = re.compile(r"""^\s*\{[^{}]*?["'](?:title|like|steps|expect)["']\s*:""")


class Discovered(Struct, frozen=True):
    """The files of scenarios, and the YAML files of folders that are something else."""

    files: list[Path]
    foreign: list[Path]

    @property
    def left_out(self) -> str:
        """What was left alone, in words; ``""`` for nothing."""
        if len(self.foreign) == 1:
            return "1 YAML file is not a scenario"
        return f"{len(self.foreign)} YAML files are not scenarios" if self.foreign else ""


def discover(paths: Iterable[str | os.PathLike[str]]) -> Discovered:
    """Files as they are given; folders searched through, their files sorted.  Raises UsageError."""
    found: dict[Path, None] = {}
    foreign: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        if not os.path.isdir(path):  # unlike is_dir(), never raises
            found[path] = None
            continue
        inside = [file for file in files_below(path) if file.suffix.lower() in SUFFIXES]
        scenarios = [p for p in inside if _may_be_scenario(p)]
        if not scenarios:
            why = "no YAML file in it is one" if inside else "no file in it ends in .yaml or .yml"
            raise UsageError(f"{shown(path)} holds no scenario: {why}")
        found |= dict.fromkeys(scenarios)
        foreign |= dict.fromkeys(p for p in inside if p not in scenarios)
    return Discovered(list(found), [path for path in foreign if path not in found])


def _may_be_scenario(path: Path) -> bool:
    """Whether a file looks like one; one that cannot be read is not passed over in silence."""
    try:
        return looks_like_scenario(path)
    except OSError:
        return True


def load_all(paths: Sequence[Path], reach: Reach = OWN_FOLDER) -> list[Scenario]:
    """Every scenario of every file, or ScenarioError with the mistakes of all."""
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            scenarios += load_cases(path, reach)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return scenarios


def load(path: str | os.PathLike[str], reach: Reach = OWN_FOLDER) -> Scenario:
    """The one scenario of a file.  Raises ScenarioError."""
    file = os.fspath(path)
    return with_files(parse(_read_within(file, file, reach), file, reach=reach))


def load_cases(path: str | os.PathLike[str], reach: Reach = OWN_FOLDER) -> list[Scenario]:
    """Every case of a file.  Raises ScenarioError."""
    file = os.fspath(path)
    return [with_files(scenario) for scenario in parse_cases(_read_within(file, file, reach), file, reach)]


def parse(text: str, file: str = "scenario.yaml", case: str = "", reach: Reach = OWN_FOLDER) -> Scenario:
    """A scenario from its text, or the named case of its matrix; ``file`` is what errors call it.

    Raises ScenarioError, also when there are several cases and none is named.
    """
    found = parse_cases(text, file, reach)
    for scenario in found:
        if scenario.case == case:
            return scenario
    names = "; ".join(scenario.case for scenario in found[:5])
    raise ScenarioError([Problem(file, 0, 0, f"the file has {len(found)} cases, none of them '{case}': {names} …")])


def parse_cases(text: str, file: str = "scenario.yaml", reach: Reach = OWN_FOLDER) -> list[Scenario]:
    """Every case of a scenario's text, in the order of its matrix.  Raises ScenarioError.

    A scenario it is like, whose text does not stand behind its own, is read where ``reach`` allows it.
    """
    found = try_cases(text, file, reach)
    problems = [problem for one in found if isinstance(one, ScenarioError) for problem in one.problems]
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return [one for one in found if isinstance(one, Scenario)]


def try_cases(text: str, file: str, reach: Reach) -> list[Scenario | ScenarioError]:
    """Every case of a scenario's text, or what is wrong with it.  Raises ScenarioError where that is not a case's."""
    found: list[Scenario | ScenarioError] = []
    for case in cases(_read_text(text, file, reach)):
        try:
            found.append(checked(case, reach))
        except ScenarioError as error:
            found.append(error)
    return found


def read_file(path: str | os.PathLike[str], reach: Reach = OWN_FOLDER) -> list[Document]:
    """What a file and those it is like say together, for each of those it may be like.  Raises ScenarioError.

    It is as yet unchecked, mappings or not.
    """
    file = os.fspath(path)
    return [layers.document for layers in _read_text(_read_within(file, file, reach), file, reach)]


def read_layers_of(scenario: Scenario) -> list[Layers]:
    """What the text of a scenario says that was loaded."""
    return _read_text(scenario.text, scenario.file, scenario.reach)


def _read_text(text: str, file: str, reach: Reach) -> list[Layers]:
    return read_layers(file, text, lambda other: _read_within(other, file, reach))


def with_files(scenario: Scenario) -> Scenario:
    """The scenario, whose attachments and folders are there and within reach.  Raises ScenarioError.

    Of a scenario out of a trace they need not be.
    """
    if problems := list(problems_beside(scenario)):
        raise ScenarioError(problems)
    return scenario


def checked(case: Case, reach: Reach) -> Scenario:
    """The scenario that a case says.  Raises ScenarioError."""
    document, data = case.document, case.data
    hosts = data.get("hosts")
    if hosts is None or isinstance(hosts, dict):
        data = {**data, "hosts": with_readers(with_defaults(hosts or {}), data.get("steps"))}
        data = with_ready_made(data, document)
    try:
        scenario = Scenario.model_validate(_with_sender(data))
    except ValidationError as error:
        raise ScenarioError(problems_of(error, document)) from None
    _place(scenario, document)
    scenario._former = former_spellings(data, document)
    scenario._case, scenario._case_values = case.name, case.values
    scenario._reach = reach
    problems = reference_problems(scenario, document)
    if problems:
        raise ScenarioError(problems)
    return compressed(scenario)


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
    scenario._host_files = {name: _place_of_files(name, document) for name in scenario.hosts}
    scenario._files = {key: document.file_of((key,)) for key in ("faults", "steps", "expect", "ours")}
    for name, host in scenario.hosts.items():
        host._name = name
    placed = {"faults": scenario.faults, "steps": scenario.steps, "expect": scenario.expect, "ours": scenario.ours}
    for key, parts in placed.items():
        for number, part in enumerate(parts):
            part._line = document.line_of((key, number))


def _place_of_files(host: str, document: Document) -> tuple[str, int]:
    path = ("hosts", host, "files")
    return document.file_of(path), document.line_of(path)


def _read_within(file: str, scenario: str, reach: Reach) -> str:
    """The text of a file that a scenario may have read, if it is a scenario's: of others no error says a word."""
    if wrong := reach.why_not(file, scenario):
        raise ScenarioError([Problem(file, 0, 0, wrong)])
    text = _read(file)
    if text.strip() and not (_ITS_WORDS.search(text) or _ITS_WORDS_IN_JSON.search(text)):
        raise ScenarioError([Problem(file, 0, 0, "this is not a scenario: it has neither title nor steps nor expect")])
    return text


def _read(file: str) -> str:
    """The text of a regular file of sensible size."""

    def refuse(message: str) -> ScenarioError:
        return ScenarioError([Problem(file, 0, 0, message)])

    try:
        content = read_regular(file, MAX_OCTETS + 1)
        if file.endswith(_CAPTURES):
            raise refuse("this is a capture: 'testbed inspect' explains it, 'testbed reproduce' makes a scenario of it")
        if len(content) > MAX_OCTETS:
            size = os.path.getsize(file)
            raise refuse(f"{size:,} octets are too many for a scenario; the limit is {MAX_OCTETS:,}")
    except NotRegularError as error:
        raise refuse(str(error)) from None
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
