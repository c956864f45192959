"""Names in a scenario that lead nowhere, and things that contradict each other.

Each part knows its own: a field that names something says so in its type (:mod:`testbed.scenario.naming`), and whatever
else cannot be in its scenario is in its ``problems``.  What is here walks over them, and judges the lab as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from testbed.protocols.address import is_host_name
from testbed.scenario.base import Part
from testbed.scenario.document import Document
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.mailboxes import MAX_FILLED
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.names import Names
from testbed.scenario.naming import wrong_names
from testbed.scenario.problems import Found, Path, Problem
from testbed.scenario.scenario import Scenario

MAX_HOSTS = 200
MAX_PROBLEMS = 100  # nobody reads on


def reference_problems(scenario: Scenario, document: Document) -> list[Problem]:
    """Every impossible reference, at its own place."""
    found = chain(_lab(scenario), _old_mail(scenario), _parts_alone(scenario), _lines_of_faults(scenario))
    problems = [document.problem(path, message) for path, message in islice(found, MAX_PROBLEMS)]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _parts_alone(scenario: Scenario) -> Found:
    names = _names(scenario)
    for place, part in _parts(scenario):
        for path, message in chain(wrong_names(part, names), part.problems(names)):
            yield (*place, *path), message


def _names(scenario: Scenario) -> Names:
    parts = [part for _, part in _parts(scenario)]
    return Names(
        hosts={name: host.traits for name, host in scenario.hosts.items()},
        ip=scenario.ip,
        commands=tuple(line for part in parts for line in part.command_lines),
        asked_for=frozenset(name.lower() for name in chain(scenario.hosts, *(part.domains for part in parts))),
    )


def _parts(scenario: Scenario) -> Iterator[tuple[Path, Part]]:
    for name, host in scenario.hosts.items():
        yield ("hosts", name), host
    for number, fault in enumerate(scenario.faults):
        yield ("faults", number), fault
    for key, tagged in (("steps", scenario.steps), ("expect", scenario.expect), ("ours", scenario.ours)):
        for number, part in enumerate(tagged):
            yield (key, number, part.kind), part


def _lab(scenario: Scenario) -> Found:
    if len(scenario.hosts) > MAX_HOSTS:
        yield ("hosts",), f"more than {MAX_HOSTS} hosts do not fit into a lab"
    servers = [name for name, host in scenario.hosts.items() if isinstance(host, NameServerSpec)]
    if not servers:
        yield ("hosts",), "no host is a name server; a lab has one"
    for name in servers[1:]:
        yield ("hosts", name), f"a lab has one name server, and {servers[0]} is it"
    for name in scenario.hosts:
        if not is_host_name(name):
            yield ("hosts", name), f"'{name[:60]}' is not a host name: letters, digits, hyphens and dots"


def _old_mail(scenario: Scenario) -> Found:
    """More old mail than a lab has room for, at the mailbox that is the last too much."""
    total = 0
    for name, host in scenario.hosts.items():
        for user, box in host.mailboxes.items() if isinstance(host, MailHostSpec) else ():
            total += box.filled
            if total > MAX_FILLED:
                message = f"the mailboxes are filled with more than {MAX_FILLED:,} octets, the most a lab may have"
                yield ("hosts", name, "mailboxes", user, "filled"), message
                return


def _lines_of_faults(scenario: Scenario) -> Found:
    lines: dict[int, int] = {}
    for number, fault in enumerate(scenario.faults):
        other = lines.setdefault(fault.line, number)
        if fault.line and other != number:
            yield (
                ("faults", number),
                f"write faults {other + 1} and {number + 1} on lines of their own: reports name faults by line",
            )
