"""Names in a scenario that lead nowhere, and things that contradict each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from testbed.scenario.document import Document, Path
from testbed.scenario.expectations import (
    Attempts,
    Bounced,
    ConnectionExpected,
    Delivered,
    Fetched,
    MailboxExpected,
    Notified,
    Queued,
    ReplyExpected,
)
from testbed.scenario.faults import DialogueFault, HostFault, LinkFault, TlsFault, WireFault, ZoneFault
from testbed.scenario.hosts import MailHostSpec, NameServerSpec, ReceiverSpec, RelaySpec, UserAgentSpec, WebmailSpec
from testbed.scenario.problems import Problem, did_you_mean
from testbed.scenario.program_references import commands_of, program_problems
from testbed.scenario.programs import Exited, Running, RunStep
from testbed.scenario.readers import mailbox_hosts
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import EmptyStep, ReadStep, SendStep
from testbed.scenario.talk import TalkStep
from testbed.scenario.zone_references import zone_problems

MAX_HOSTS = 200
MAX_PROBLEMS = 100  # nobody reads on


def reference_problems(scenario: Scenario, document: Document) -> list[Problem]:
    """Every impossible reference, at its own place."""
    found = chain(
        _hosts(scenario), _faults(scenario), _steps(scenario), _expectations(scenario), program_problems(scenario)
    )
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
            names = Counter(name for user, box in host.mailboxes.items() for name in (user, *box.aliases))
            for user in host.mailboxes:
                twice = [alias for alias in host.mailboxes[user].aliases if names[alias] > 1]
                if twice:
                    yield ("hosts", name, "mailboxes", user), f"the name '{twice[0][:40]}' is given to two mailboxes"
                for place, rule in enumerate(host.mailboxes[user].rules):
                    at: Path = ("hosts", name, "mailboxes", user, "rules", place)
                    folders = ("INBOX", *host.mailboxes[user].folders)
                    if not isinstance(host, ReceiverSpec):
                        yield at, f"rules are for the mailboxes of receivers, and {name} is a {host.role}"
                    elif rule.fileinto is not None and rule.fileinto not in folders:
                        near = did_you_mean(rule.fileinto, folders)
                        yield (*at, "fileinto"), f"the mailbox has no folder '{rule.fileinto[:60]}'{near}"
                if not user or any(c in user for c in "@<> /\\") or not user.isprintable():
                    yield (
                        ("hosts", name, "mailboxes", user),
                        f"'{user[:40]}' is not the local part of an address",
                    )
        if isinstance(host, WebmailSpec):
            yield from _known_host(scenario, ("hosts", name, "server"), host.server, MailHostSpec, "mail server")
            if host.relay:
                yield from _known_host(scenario, ("hosts", name, "relay"), host.relay, MailHostSpec, "mail server")
        if isinstance(host, RelaySpec):
            for user, target in host.forward.items():
                if target.rpartition("@")[2].lower() == host.domain.lower():
                    yield ("hosts", name, "forward", user), f"'{target[:60]}' is not elsewhere: {name} serves it itself"
        if isinstance(host, UserAgentSpec) and host.server is not None:
            yield from _known_host(scenario, ("hosts", name, "server"), host.server, MailHostSpec, "mail server")
            server = scenario.hosts.get(host.server)
            if host.port == 465 and isinstance(server, RelaySpec) and not server.starttls:
                yield ("hosts", name, "port"), f"{host.server} has no port 465; give it 'starttls: true'"
            if host.port != 25 and isinstance(server, ReceiverSpec):
                problem = f"{host.server} takes mail on port 25 only; say 'port: 25' to deliver to it directly"
                yield ("hosts", name, "port" if "port" in host.model_fields_set else "server"), problem


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
            yield from _dialogue_fault(scenario, path, fault)
        elif isinstance(fault, HostFault):
            kind, noun = (MailHostSpec, "mail server") if fault.of_program else (object, "")
            yield from _known_host(scenario, (*path, "host"), fault.host, kind, noun)
        elif isinstance(fault, LinkFault):
            for end, name in enumerate(fault.link):
                yield from _known_host(scenario, (*path, "link", end), name)
        elif isinstance(fault, TlsFault):
            yield from _known_host(scenario, (*path, "tls"), fault.tls, MailHostSpec, "mail server")
            server = scenario.hosts.get(fault.tls)
            if isinstance(server, MailHostSpec) and not server.starttls:
                yield (*path, "tls"), f"{fault.tls} has no TLS; give the host 'starttls: true'"
        elif isinstance(fault, WireFault):
            for end, name in enumerate(fault.between):
                yield from _known_host(scenario, (*path, "between", end), name)
            if fault.between[0] == fault.between[1]:
                yield (*path, "between"), "no packet goes from a host to itself over the wire"
        elif isinstance(fault, ZoneFault):
            yield from zone_problems(scenario, fault, path)
    lines: dict[int, int] = {}
    for number, fault in enumerate(scenario.faults):
        other = lines.setdefault(fault.line, number)
        if fault.line and other != number:
            yield (
                ("faults", number),
                f"write faults {other + 1} and {number + 1} on lines of their own: reports name faults by line",
            )


def _dialogue_fault(scenario: Scenario, path: Path, fault: DialogueFault) -> Found:
    if isinstance(scenario.hosts.get(fault.at), UserAgentSpec):
        if fault.reply is not None or fault.then not in ("close", "reset", "stall") or fault.after is not None:
            yield (*path, "at"), f"{fault.at} is a user agent: it can close, reset or stall, and answers nobody"
    elif fault.as_ == "client":
        yield from _known_host(scenario, (*path, "at"), fault.at, RelaySpec, "relay")
    else:
        yield from _known_host(scenario, (*path, "at"), fault.at, MailHostSpec, "mail server")


def _steps(scenario: Scenario) -> Found:
    agents = {name: host for name, host in scenario.hosts.items() if isinstance(host, UserAgentSpec)}
    owners = {host.address for host in agents.values() if host.server is not None}
    owned = mailbox_hosts(scenario)
    for number, step in enumerate(scenario.steps):
        if isinstance(step, SendStep):
            path: Path = ("steps", number, "send")
            if step.via is not None:
                yield from _known_host(scenario, (*path, "via"), step.via, UserAgentSpec, "user agent")
                if step.via in agents and agents[step.via].server is None:
                    yield (*path, "via"), f"{step.via} only reads; say with 'server' where it submits mail"
            elif not step.sender:
                yield path, f"say 'from': the lab has {len(agents)} user agents"
            elif step.sender not in owners:
                near = did_you_mean(step.sender, owners)
                yield (*path, "from"), f"no user agent belongs to {step.sender}{near}"
        if isinstance(step, ReadStep):
            yield from _reading(scenario, owned, ("steps", number, "read"), step)
        if isinstance(step, TalkStep):
            path = ("steps", number, "talk")
            yield from _known_host(scenario, (*path, "to"), step.to, MailHostSpec, "mail server")
            if step.sender:
                yield from _known_host(scenario, (*path, "from"), step.sender)
            else:
                yield path, f"say 'from': the lab has {len(agents)} user agents"
        if isinstance(step, RunStep):
            path = ("steps", number, "run")
            if step.on is not None:
                yield from _known_host(scenario, (*path, "on"), step.on)
            else:
                yield path, f"say 'on': the lab has {len(agents)} user agents"
        if isinstance(step, EmptyStep) and step.mailbox not in owned:
            path = ("steps", number, "empty")
            yield path, f"no host has the mailbox {step.mailbox}{did_you_mean(step.mailbox, owned)}"


def _reading(scenario: Scenario, boxes: Mapping[str, str], path: Path, step: ReadStep) -> Found:
    if step.mailbox not in boxes:
        near = did_you_mean(step.mailbox, boxes)
        yield (*path, "mailbox"), f"no host has the mailbox {step.mailbox}{near}"
        return
    server = scenario.hosts[boxes[step.mailbox]]
    if step.tls != "none" and isinstance(server, MailHostSpec) and not server.starttls:
        yield (*path, "tls"), f"{boxes[step.mailbox]} has no TLS; give the host 'starttls: true'"
    if step.by is not None:
        yield from _known_host(scenario, (*path, "by"), step.by, UserAgentSpec, "user agent")
    for key, name in (("folder", step.folder), ("move", step.move), ("copy", step.copy_to)):
        if name is not None:
            yield from _known_folder(scenario, boxes[step.mailbox], (*path, key), step.mailbox, name)


def _known_folder(scenario: Scenario, host_name: str, path: Path, mailbox: str, name: str) -> Found:
    host = scenario.hosts[host_name]
    assert isinstance(host, MailHostSpec)
    folders = ("INBOX", *host.mailboxes[mailbox.partition("@")[0]].folders)
    if name not in folders:
        yield path, f"the mailbox {mailbox} has no folder '{name[:60]}'{did_you_mean(name, folders)}"


def _expectations(scenario: Scenario) -> Found:
    boxes, owned = _mailboxes(scenario), mailbox_hosts(scenario)
    commands = commands_of(scenario)
    for number, expected in enumerate(scenario.expect):
        path: Path = ("expect", number, expected.kind)
        match expected:
            case Delivered():
                if expected.to not in boxes:
                    yield (
                        (*path, "to"),
                        f"no host has the mailbox {expected.to}{did_you_mean(expected.to, boxes)}",
                    )
            case Bounced() | Notified():
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
                    yield (*path, "command"), f"no step and no host runs a command with '{expected.command[:60]}' in it"
            case Running():
                yield from _known_host(scenario, (*path, "at"), expected.at)
                if expected.at in scenario.hosts and not scenario.hosts[expected.at].is_program:
                    yield (
                        (*path, "at"),
                        f"{expected.at} is no program; only hosts with a 'command' can be found running",
                    )
            case ReplyExpected():
                yield from _known_host(scenario, (*path, "from"), expected.sender, MailHostSpec, "mail server")
            case Fetched():
                yield from _known_host(scenario, (*path, "by"), expected.by, UserAgentSpec, "user agent")
                yield from _known_host(scenario, (*path, "from"), expected.sender, MailHostSpec, "mail server")
            case MailboxExpected():
                if expected.of not in owned:
                    near = did_you_mean(expected.of, owned)
                    yield (*path, "of"), f"no host has the mailbox {expected.of}{near}"
                else:
                    yield from _known_folder(
                        scenario, owned[expected.of], (*path, "folder"), expected.of, expected.folder
                    )
            case ConnectionExpected():
                yield from _known_host(scenario, (*path, "from"), expected.sender)
                yield from _known_host(scenario, (*path, "to"), expected.to)


def _mailboxes(scenario: Scenario) -> set[str]:
    """Every address mail can be delivered to: mailboxes and their aliases."""
    return {
        f"{name}@{host.domain}"
        for host in scenario.hosts.values()
        if isinstance(host, MailHostSpec)
        for user, box in host.mailboxes.items()
        for name in (user, *box.aliases)
    }


def _known_host(scenario: Scenario, path: Path, name: str, kind: type = object, noun: str = "") -> Found:
    if name not in scenario.hosts:
        yield path, f"there is no host '{name[:60]}'{did_you_mean(name, scenario.hosts)}"
    elif not isinstance(scenario.hosts[name], kind):
        yield path, f"{name} is no {noun}; its role is {scenario.hosts[name].role}"
