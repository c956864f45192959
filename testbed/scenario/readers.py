"""Who reads mail in a scenario, and how: the user agents nobody had to write down, and what mail hosts must serve."""

from __future__ import annotations

import re
from collections.abc import Mapping

from testbed.scenario.host_spec import HostSpec
from testbed.scenario.hosts import MailHostSpec, ReceiverSpec, UserAgentSpec, WebmailSpec
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import ReadStep
from testbed.scenario.talk import TalkStep

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


def with_readers(hosts: dict[str, object], steps: object) -> dict[str, object]:
    """The hosts, and for each mailbox that is read a user agent of its owner, where there is none.

    Bob's at someschool.edu is ``bob.someschool.edu``.
    """
    role = UserAgentSpec.model_fields["role"].default
    addresses = [host.get("address") for host in hosts.values() if isinstance(host, dict) and host.get("role") == role]
    agents = {address for address in addresses if isinstance(address, str)}
    found = dict(hosts)
    for step in steps if isinstance(steps, list) else []:
        read = step.get("read") if isinstance(step, dict) else None
        address = read.get("mailbox") if isinstance(read, dict) and "by" not in read else None
        if isinstance(address, str) and address.count("@") == 1 and address not in agents:
            agents.add(address)
            found.setdefault(_name(address), {"role": "user-agent", "address": address})
        if isinstance(address, str) and isinstance(read, dict) and read.get("via") == "web":
            found = _with_webmail(found, address.rpartition("@")[2])
    return found


def _with_webmail(hosts: dict[str, object], domain: str) -> dict[str, object]:
    """The hosts, and a web mail ``mail.<domain>`` for the mail host of a domain that has none."""
    role = WebmailSpec.model_fields["role"].default
    found = {name: host for name, host in hosts.items() if isinstance(host, dict)}
    server = next((name for name, host in found.items() if host.get("domain") == domain), None)
    if server is None or any(host.get("role") == role and host.get("server") == server for host in found.values()):
        return hosts
    return {**hosts, f"mail.{domain}": {"role": role, "server": server}}


def reader_of(scenario: Scenario, step: ReadStep) -> str | None:
    """The user agent that does a step, None when there is none."""
    return step.by or next(
        (
            name
            for name, host in scenario.hosts.items()
            if isinstance(host, UserAgentSpec) and host.address == step.mailbox
        ),
        None,
    )


def mailbox_hosts(scenario: Scenario) -> Mapping[str, str]:
    """From every mailbox to the host that has it."""
    return {
        f"{user}@{host.domain}": name
        for name, host in scenario.hosts.items()
        if isinstance(host, MailHostSpec)
        for user in host.mailboxes
    }


def served(scenario: Scenario, name: str) -> frozenset[str]:
    """The protocols by which the mailboxes of a host can be read: those it names, else those that are needed.

    Steps need them, and web mails need IMAP.
    """
    host = scenario.hosts[name]
    if isinstance(host, MailHostSpec) and host.serves is not None:
        return frozenset(host.serves)
    hosts = mailbox_hosts(scenario)
    shown = {"imap"} if webmail_of(scenario, name) else set()
    read = {step.via for step in scenario.steps if isinstance(step, ReadStep) and hosts.get(step.mailbox) == name}
    asked = {step.service for step in scenario.steps if isinstance(step, TalkStep) and step.to == name}
    return frozenset(shown | ((read | asked) & {"pop3", "imap"}))


def served_by_program(host: HostSpec) -> tuple[str, ...]:
    """The protocols by which a program says to serve its host's mailboxes; what only a step needs is not said."""
    serves = host.serves if isinstance(host, MailHostSpec) and host.is_program and host.mailboxes else None
    return serves or ()


def webmail_of(scenario: Scenario, server: str) -> str | None:
    """The web mail that shows the mailboxes of a host."""
    return next((n for n, h in scenario.hosts.items() if isinstance(h, WebmailSpec) and h.server == server), None)


def opened(scenario: Scenario, *, by_web: bool) -> Scenario:
    """The scenario with whatever lets people read mail: POP3 and IMAP at mail hosts, ``by_web`` pages of receivers'."""
    hosts: dict[str, object] = dict(scenario.hosts)
    for name, host in scenario.hosts.items():
        if isinstance(host, MailHostSpec) and host.serves is None:
            hosts[name] = host.model_copy(update={"serves": ("pop3", "imap")})
        if by_web and isinstance(host, ReceiverSpec) and webmail_of(scenario, name) is None:
            hosts.setdefault(f"mail.{host.domain}", WebmailSpec(server=name))
    return scenario.model_copy(update={"hosts": hosts})


def reads_by_imap(scenario: Scenario) -> bool:
    """Whether any host serves IMAP."""
    return any("imap" in served(scenario, name) for name in scenario.hosts)


def _name(address: str) -> str:
    local, _, domain = address.partition("@")
    return f"{local if _LABEL.fullmatch(local) else 'reader'}.{domain}"
