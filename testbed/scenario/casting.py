"""Ready-made servers in the place of the lab's own: ``--relay exim`` for any scenario, whoever has written it.

A scenario so cast is one that is like the other, as a person would write it: its text says who plays, and goes into the
trace.  When it tries again and gives up is then the program's own affair, so it is given all the time for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from msgspec import Struct

from testbed.scenario.defaults import with_defaults
from testbed.scenario.hosts import UserAgentSpec
from testbed.scenario.load import OWN_FOLDER, load_cases, read_file, try_cases, with_files
from testbed.scenario.problems import Problem, ScenarioError
from testbed.scenario.program_hosts import KEPT_FROM_ANOTHER
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import SendStep
from testbed.subjects.parts import PARTS
from testbed.subjects.subject import subjects

_SETTLE = "6d"  # RFC 5321 §4.5.4.1: who gives up does so after four or five days
_TASTE = frozenset({"retry", "give_up", "warn_after"})  # it has its own
_PLAYED = ("program", "command")
_TLS = "tls"
_UTF8 = "SMTPUTF8"

Cast = Mapping[str, str]
"""Which ready-made server plays which of PARTS."""


class Candidate(Struct, frozen=True):
    """A scenario with other players; or, as it is written, with the reason ``why_not``."""

    scenario: Scenario
    why_not: str = ""


class _NotCast(Exception):
    """Why a file cannot be played by others."""


def cast_all(paths: Iterable[Path], cast: Cast, reach: Reach = OWN_FOLDER) -> list[Candidate]:
    """Every scenario of every file so cast.  Raises ScenarioError with the mistakes of all files."""
    found: list[Candidate] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            as_written = load_cases(path, reach)
            found += _cast(path, as_written, cast, reach) if cast else map(Candidate, as_written)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return found


def _cast(path: Path, as_written: Sequence[Scenario], cast: Cast, reach: Reach) -> list[Candidate]:
    file = PurePath(path).with_suffix("." + ".".join((*cast.values(), "yaml")))
    try:
        tried = try_cases(_text(path, cast, reach), str(file), reach)
    except _NotCast as error:
        return [Candidate(scenario, str(error)) for scenario in as_written]
    except ScenarioError as error:
        return [Candidate(scenario, error.problems[0].message) for scenario in as_written]
    return [_candidate(own, other) for own, other in zip(as_written, tried, strict=True)]


def _candidate(as_written: Scenario, tried: Scenario | ScenarioError) -> Candidate:
    try:
        if isinstance(tried, Scenario):
            why = next(_beyond(tried), "")
            return Candidate(as_written, why) if why else Candidate(with_files(tried))
    except ScenarioError as error:
        tried = error
    return Candidate(as_written, tried.problems[0].message)


def _beyond(scenario: Scenario) -> Iterator[str]:
    """Why the user agents of a scenario cannot hand over its mail to the program that takes it first."""
    sends = [step for step in scenario.steps if isinstance(step, SendStep)]
    asks = any(not address.isascii() for send in sends for address in (send.sender, *send.recipients, *send.bcc))
    servers = {host.server for host in scenario.hosts.values() if isinstance(host, UserAgentSpec)}
    for name, host in scenario.hosts.items():
        if asks and name in servers and host.program is not None and _UTF8 in subjects()[host.program].lacks:
            yield f"an address is not ASCII, and {subjects()[host.program].title} does not offer {_UTF8}"


def _text(path: Path, cast: Cast, reach: Reach) -> str:
    """The scenario that is like the one in a file, but for who plays.  Raises _NotCast, ScenarioError."""
    data, *others = (document.data for document in read_file(path, reach))
    if others:
        raise _NotCast("a parameter of its matrix chooses what it is like")
    assert isinstance(data, dict)
    hosts = with_defaults(data["hosts"]) if isinstance(data.get("hosts"), dict) else with_defaults({})
    lines = [f"title: {json.dumps(data.get('title'), ensure_ascii=False)}", f"like: {json.dumps(path.name)}", "hosts:"]
    for part, program in cast.items():
        lines += [f"  {name}: {{{words}}}" for name, words in _played(hosts, part, program)]
    lines += [f"settle: {_SETTLE}"] if "relay" in cast else []
    return "\n".join(lines) + "\n"


def _played(hosts: Mapping[str, object], part: str, program: str) -> list[tuple[str, str]]:
    """The hosts that a program is to play, and what each says of that.  Raises _NotCast."""
    found: list[tuple[str, str]] = []
    title = subjects()[program].title
    for name, spec in hosts.items():
        if not isinstance(spec, dict) or spec.get("role") != PARTS[part]:
            continue
        if any(spec.get(key) is not None for key in _PLAYED):
            raise _NotCast(f"{name} is a program of its own already")
        own = sorted(spec.keys() - KEPT_FROM_ANOTHER - _TASTE - {_TLS})
        if own:
            raise _NotCast(f"{name} has '{own[0]}', which the lab's own {part} heeds, and {title} not")
        wants = f", configured: {{tls: {json.dumps(spec[_TLS])}}}" if _TLS in spec else ""
        found.append((name, f"program: {program}{wants}"))
    if not found:
        raise _NotCast(f"it has no {part}")
    for name, spec in hosts.items():
        if isinstance(spec, dict) and spec.get("password") is not None and spec.get("server") in dict(found):
            raise _NotCast(f"{name} logs in to send, which {title} does not offer as it is set up here")
    return found
