"""What the parts of a scenario can refer to, and what they ask of each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from testbed.scenario.hosts import HostSpec, MailHostSpec, UserAgentSpec
from testbed.scenario.problems import Found, Path, did_you_mean
from testbed.scenario.readers import mailbox_hosts
from testbed.scenario.scenario import Scenario


class Names:
    """The names there are in a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.hosts: Mapping[str, HostSpec] = scenario.hosts
        self.ip = scenario.ip

    # -- hosts ----------------------------------------------------------------------------------------

    def of(self, host: HostSpec) -> str:
        """The name of a host."""
        return self._own[id(host)]

    def server(self, name: str | None) -> MailHostSpec | None:
        """A mail server, None where the name is that of none."""
        host = self.hosts.get(name or "")
        return host if isinstance(host, MailHostSpec) else None

    @cached_property
    def agents(self) -> Mapping[str, UserAgentSpec]:
        """The user agents by name."""
        return {name: host for name, host in self.hosts.items() if isinstance(host, UserAgentSpec)}

    def agent_of(self, address: str) -> str:
        """The user agent of an address, ``""`` where it has none."""
        return next((name for name, agent in self.agents.items() if agent.address == address), "")

    def is_program(self, name: str) -> bool:
        """Whether a program of the user's plays a host."""
        return name in self.hosts and self.hosts[name].is_program

    def is_none(self, name: str, noun: str) -> str:
        """What is wrong with a host that is no ``mail server``, ``relay`` …, ``""`` where it is one or not there."""
        host = self.hosts.get(name)
        return f"{name} is no {noun}; its role is {host.role}" if host and noun not in host.nouns else ""

    # -- mail -----------------------------------------------------------------------------------------

    @cached_property
    def mailboxes(self) -> Mapping[str, str]:
        """From every mailbox to the host that has it."""
        return mailbox_hosts(self._scenario)

    @cached_property
    def recipients(self) -> frozenset[str]:
        """Every address mail can be delivered to: mailboxes and their aliases."""
        return frozenset(
            f"{name}@{host.domain}"
            for host in self.hosts.values()
            if isinstance(host, MailHostSpec)
            for user, box in host.mailboxes.items()
            for name in (user, *box.aliases)
        )

    def missing_folder(self, path: Path, mailbox: str, folder: str) -> Found:
        """What is wrong with the name of a folder, where the mailbox is there."""
        server = self.server(self.mailboxes.get(mailbox))
        if server is not None:
            folders = server.mailboxes[mailbox.partition("@")[0]].all_folders
            if folder not in folders:
                yield path, f"the mailbox {mailbox} has no folder '{folder[:60]}'{did_you_mean(folder, folders)}"

    # -- what is said elsewhere -----------------------------------------------------------------------

    @cached_property
    def commands(self) -> tuple[str, ...]:
        """Every command of the scenario as a line: those of its steps and those of its hosts."""
        parts = (*self._scenario.steps, *self.hosts.values())
        return tuple(part.command_line for part in parts if part.command_line)

    @cached_property
    def asked_for(self) -> frozenset[str]:
        """The names somebody may ask the name server for: hosts, domains, and those that records lead to."""
        parts = (*self.hosts.values(), *self._scenario.steps, *self._scenario.faults)
        return frozenset([*(name.lower() for name in self.hosts), *(name for part in parts for name in part.domains)])

    @cached_property
    def _own(self) -> dict[int, str]:
        return {id(host): name for name, host in self.hosts.items()}
