"""What the parts of a scenario may know of each other: which names there are, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct, field

from testbed.scenario.problems import Found, Path, did_you_mean


class HostTraits(Struct, frozen=True):
    """What others may rely on in a host.

    ``nouns`` are what it is, as fields that name a host ask for it: ``mail server``, ``user agent``.  ``ports`` are
    those it takes mail at, or a program listens on; ``lmtp`` tells that the lab's own takes mail by LMTP at one.
    ``mailboxes`` gives the folders of each by its address, ``aliases`` are the other addresses it takes mail for.
    ``owner`` is whose user agent it is, ``submits`` whether it submits mail.
    ``starts_tls_with`` is the server to which it says STARTTLS of itself: a name, ``*`` for any, ``""`` for none.
    ``ready_made`` is the ready-made program that plays it, ``""`` for none; ``stays`` tells that a program runs there
    from the first step to the last.  ``dnssec`` tells that a name server signs its zones, ``policy`` is the domain
    whose MTA-STS policy a host serves, ``""`` for none; ``zones`` are those that begin at names of its own.
    """

    role: str
    nouns: tuple[str, ...]
    is_program: bool
    ports: tuple[int, ...]
    tls: bool = False
    lmtp: bool = False
    mailboxes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    owner: str = ""
    submits: bool = False
    starts_tls_with: str = ""
    ready_made: str = ""
    stays: bool = False
    dnssec: bool = False
    policy: str = ""
    zones: tuple[str, ...] = ()


class Names(Struct, frozen=True, dict=True):
    """The names there are in a scenario.

    ``ip`` is as in the scenario; ``commands`` are all commands it has run, as lines; ``asked_for`` are the names
    somebody may ask the name server for, in lower case.
    """

    hosts: Mapping[str, HostTraits]
    ip: str
    commands: tuple[str, ...]
    asked_for: frozenset[str]

    @cached_property
    def agents(self) -> Mapping[str, HostTraits]:
        """The user agents by name."""
        return {name: host for name, host in self.hosts.items() if "user agent" in host.nouns}

    @cached_property
    def policies(self) -> frozenset[str]:
        """The domains that have a policy of MTA-STS."""
        return frozenset(host.policy for host in self.hosts.values() if host.policy)

    @cached_property
    def zones(self) -> frozenset[str]:
        """Where the zones of DNS begin: mail domains, and what the name server publishes besides."""
        return frozenset(zone.lower().rstrip(".") for host in self.hosts.values() for zone in host.zones)

    @cached_property
    def mailboxes(self) -> Mapping[str, str]:
        """From every mailbox to the host that has it."""
        return {address: name for name, host in self.hosts.items() for address in host.mailboxes}

    @cached_property
    def recipients(self) -> frozenset[str]:
        """Every address mail can be delivered to: mailboxes and their aliases."""
        return frozenset(one for host in self.hosts.values() for one in (*host.mailboxes, *host.aliases))

    def agent_of(self, address: str) -> str:
        """The user agent of an address, ``""`` where it has none."""
        return next((name for name, agent in self.agents.items() if agent.owner == address), "")

    def is_program(self, name: str) -> bool:
        """Whether a program of the user's plays a host."""
        return name in self.hosts and self.hosts[name].is_program

    def is_none(self, name: str, noun: str) -> str:
        """What is wrong with a host that is no ``mail server``, ``relay`` …, ``""`` where it is one or not there."""
        host = self.hosts.get(name)
        return f"{name} is not a {noun}; its role is {host.role}" if host and noun not in host.nouns else ""

    def missing_folder(self, path: Path, mailbox: str, folder: str) -> Found:
        """What is wrong with the name of a folder, where the mailbox is there."""
        if mailbox in self.mailboxes:
            folders = self.hosts[self.mailboxes[mailbox]].mailboxes[mailbox]
            if folder not in folders:
                yield path, f"the mailbox {mailbox} has no folder '{folder[:60]}'{did_you_mean(folder, folders)}"
