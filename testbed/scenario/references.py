"""Names in a scenario that lead nowhere, and things that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from testbed.scenario.document import Document, Path
from testbed.scenario.expectations import (
    Attempts,
    Bounced,
    ConnectionExpected,
    Delivered,
    Queued,
    ReplyExpected,
)
from testbed.scenario.faults import DialogueFault, HostFault, WireFault
from testbed.scenario.hosts import MailHostSpec, NameServerSpec, RelaySpec, UserAgentSpec, WebmailSpec
from testbed.scenario.problems import Problem, did_you_mean
from testbed.scenario.programs import Exited, RunStep
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import EmptyStep, SendStep

MAX_HOSTS = 200
MAX_PROBLEMS = 100  # nobody reads on


def reference_problems(scenario: Scenario, document: Document) -> list[Problem]:
    """Every impossible reference, at its own place."""
    found = chain(_hosts(scenario), _faults(scenario), _steps(scenario), _expectations(scenario))
    problems = [document.problem(path, message) for path, message in islice(found, MAX_PROBLEMS)]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


Found = Iterator[tuple[Path, str]]


def _hosts(scenario: Scenario) -> Found:
    if len(scenario.hosts) > MAX_HOSTS:
        yield ("hosts",), f"more than {MAX_HOSTS} hosts do not fit into a lab"
    servers = [name for name, host in scenario.hosts.items() if isinstance(host, NameServerSpec)]
    if not servers:
        yield ("hosts",), "no host is a name server; a lab has one"
    for name in servers[1:]:
        yield ("hosts", name), f"a lab has one name server, and {servers[0]} is it"
    for name, host in scenario.hosts.items():
        if not _is_host_name(name):
            yield ("hosts", name), f"'{name[:60]}' is not a host name: letters, digits, hyphens and dots"
        if isinstance(host, MailHostSpec):
            if not _is_host_name(host.domain):
                yield ("hosts", name, "domain"), f"'{host.domain[:60]}' is not a domain name"
            for user in host.mailboxes:
                if not user or any(c in user for c in "@<> /\\") or not user.isprintable():
                    yield (
                        ("hosts", name, "mailboxes", user),
                        f"'{user[:40]}' is not the local part of an address",
                    )
        if isinstance(host, WebmailSpec):
            yield from _known_host(scenario, ("hosts", name, "server"), host.server, MailHostSpec, "mail server")
            if host.relay:
                yield from _known_host(scenario, ("hosts", name, "relay"), host.relay, MailHostSpec, "mail server")
        if isinstance(host, UserAgentSpec):
            yield from _known_host(scenario, ("hosts", name, "server"), host.server, RelaySpec, "relay")


def _is_host_name(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63
        and label.isascii()
        and all(c.isalnum() or c in "-_" for c in label)
        and not label.startswith("-")
        for label in labels
    )


def _faults(scenario: Scenario) -> Found:
    for number, fault in enumerate(scenario.faults):
        path: Path = ("faults", number)
        if isinstance(fault, DialogueFault):
            yield from _known_host(scenario, (*path, "at"), fault.at, MailHostSpec, "mail server")
        elif isinstance(fault, HostFault):
            yield from _known_host(scenario, (*path, "host"), fault.host)
        elif isinstance(fault, WireFault):
            for end, name in enumerate(fault.between):
                yield from _known_host(scenario, (*path, "between", end), name)
            if fault.between[0] == fault.between[1]:
                yield (*path, "between"), "no packet goes from a host to itself over the wire"
    lines: dict[int, int] = {}
    for number, fault in enumerate(scenario.faults):
        other = lines.setdefault(fault.line, number)
        if fault.line and other != number:
            yield (
                ("faults", number),
                f"write faults {other + 1} and {number + 1} on lines of their own: reports name faults by line",
            )


def _steps(scenario: Scenario) -> Found:
    agents = {name: host for name, host in scenario.hosts.items() if isinstance(host, UserAgentSpec)}
    owners = {host.address for host in agents.values()}
    boxes = _mailboxes(scenario)
    for number, step in enumerate(scenario.steps):
        if isinstance(step, SendStep):
            path: Path = ("steps", number, "send")
            if step.via is not None:
                yield from _known_host(scenario, (*path, "via"), step.via, UserAgentSpec, "user agent")
            elif not step.sender:
                yield path, f"say 'from': the lab has {len(agents)} user agents"
            elif step.sender not in owners:
                near = did_you_mean(step.sender, owners)
                yield (*path, "from"), f"no user agent belongs to {step.sender}{near}"
        if isinstance(step, RunStep):
            path = ("steps", number, "run")
            if step.on is not None:
                yield from _known_host(scenario, (*path, "on"), step.on)
            else:
                yield path, f"say 'on': the lab has {len(agents)} user agents"
        if isinstance(step, EmptyStep) and step.mailbox not in boxes:
            path = ("steps", number, "empty")
            yield path, f"no host has the mailbox {step.mailbox}{did_you_mean(step.mailbox, boxes)}"


def _expectations(scenario: Scenario) -> Found:
    boxes = _mailboxes(scenario)
    commands = [step.line_of_words for step in scenario.steps if isinstance(step, RunStep)]
    for number, expected in enumerate(scenario.expect):
        path: Path = ("expect", number, expected.kind)
        match expected:
            case Delivered():
                if expected.to not in boxes:
                    yield (
                        (*path, "to"),
                        f"no host has the mailbox {expected.to}{did_you_mean(expected.to, boxes)}",
                    )
            case Bounced():
                if expected.to not in boxes:
                    yield (
                        (*path, "to"),
                        f"no host has the mailbox {expected.to}{did_you_mean(expected.to, boxes)}",
                    )
            case Queued():
                yield from _known_host(scenario, (*path, "at"), expected.at, RelaySpec, "relay")
            case Attempts():
                yield from _known_host(scenario, (*path, "to"), expected.to, MailHostSpec, "mail server")
                if expected.sender is not None:
                    yield from _known_host(scenario, (*path, "from"), expected.sender)
            case Exited():
                if not any(expected.command in command for command in commands):
                    yield (*path, "command"), f"no step runs a command with '{expected.command[:60]}' in it"
            case ReplyExpected():
                yield from _known_host(scenario, (*path, "from"), expected.sender, MailHostSpec, "mail server")
            case ConnectionExpected():
                yield from _known_host(scenario, (*path, "from"), expected.sender)
                yield from _known_host(scenario, (*path, "to"), expected.to)


def _mailboxes(scenario: Scenario) -> set[str]:
    return {
        f"{user}@{host.domain}"
        for host in scenario.hosts.values()
        if isinstance(host, MailHostSpec)
        for user in host.mailboxes
    }


def _known_host(scenario: Scenario, path: Path, name: str, kind: type = object, noun: str = "") -> Found:
    if name not in scenario.hosts:
        yield path, f"there is no host '{name[:60]}'{did_you_mean(name, scenario.hosts)}"
    elif not isinstance(scenario.hosts[name], kind):
        yield path, f"{name} is no {noun}; its role is {scenario.hosts[name].role}"
