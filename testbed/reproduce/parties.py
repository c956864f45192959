"""Who is who in a capture: user agents, relays, receivers, strangers, and by which names a scenario calls them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from testbed.protocols.address import domain_of, is_host_name
from testbed.reproduce.answers import Directory
from testbed.reproduce.names import Names
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection, Endpoint
from testbed.trace.model.exchange import UNSEEN
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_within

Role = Literal["user-agent", "relay", "receiver", "client", "name-server", "other"]
SUBMISSION = frozenset({587, 465})
_LMTP = frozenset({"lmtp"})


@dataclass(slots=True)
class Party:
    """A host of the capture.  ``key`` is its name there, or its address; ``name`` that of the scenario.

    ``domain`` is the mail domain it serves, and ``address`` whose user agent it is, as the scenario has them.
    """

    key: str
    role: Role
    name: str = ""
    domain: str = ""
    address: str = ""
    preference: int | None = None
    ports: set[int] = field(default_factory=set)


class Cast:
    """The parties of a capture."""

    def __init__(self, names: Names, known: Mapping[str, str]) -> None:
        self.names = names
        self.parties: dict[str, Party] = {}
        self._known = known

    def key(self, end: Endpoint) -> str:
        """What a host of the capture is known by."""
        return (end.name or self._known.get(end.address, end.address)).lower()

    def client(self, connection: Connection) -> Party:
        """Who opened a connection."""
        return self.parties[self.key(connection.client)]

    def server(self, connection: Connection) -> Party:
        """To whom it was opened."""
        return self.parties[self.key(connection.server)]

    def named(self, name: str) -> Party | None:
        """The party of this name in the capture."""
        return self.parties.get(name.lower())

    def labelled(self, label: str) -> Party | None:
        """The party of this name or address in the capture."""
        return self.named(label) or self.named(self._known.get(label, label))

    def serving(self, domain: str) -> list[Party]:
        """The mail servers of a domain of the scenario."""
        return [party for party in self.parties.values() if party.domain == domain]


def is_mail(connection: Connection) -> bool:
    """Whether mail is handed over on it, or would be."""
    return connection.transport.protocol == "tcp" and service_within(connection.service).mail is Mail.PUSHED


def is_reading(connection: Connection) -> bool:
    """Whether mail is fetched on it."""
    return (
        connection.transport.protocol == "tcp"
        and service_within(connection.service).mail is Mail.PULLED
        and service_within(connection.service).word != "HTTP"
    )


def cast(analysis: Analysis, directory: Directory, names: Names, *, agents: bool = True, relays: bool = True) -> Cast:
    """Everybody in a capture.

    Without ``agents`` who hands in mail is a stranger, without ``relays`` nobody passes it on.
    """
    found = Cast(names, directory.names)
    connections = list(analysis.connections)
    _learn_names(connections, names)
    roles = _roles(found, connections, agents=agents, relays=relays)
    for key, role in roles.items():
        found.parties[key] = Party(key, role)
    for connection in connections:
        if is_mail(connection) or is_reading(connection):
            found.server(connection).ports.add(connection.server.port)
    _give_domains(found, connections, directory, by_hand=not relays)
    _give_owners(found, connections)
    _give_names(found)
    for connection in connections:
        for end in (connection.client, connection.server):
            party = found.parties[found.key(end)]
            names.endpoint(end.address, party.name)
            names.host(party.key, party.name)
    return found


def _learn_names(connections: Iterable[Connection], names: Names) -> None:
    """The first sender is Alice, the first recipient Bob."""
    for connection in connections:
        for transaction in connection.transactions:
            if transaction.sender and transaction.sender != UNSEEN:
                names.address(transaction.sender)
            for recipient in transaction.recipients:
                if recipient.address and recipient.address != UNSEEN:
                    names.address(recipient.address)


def _roles(found: Cast, connections: Iterable[Connection], *, agents: bool, relays: bool) -> dict[str, Role]:
    mail = [c for c in connections if is_mail(c)]
    clients = {found.key(c.client) for c in mail}
    servers = {found.key(c.server) for c in mail}
    submitted = {found.key(c.server) for c in mail if c.server.port in SUBMISSION}
    roles: dict[str, Role] = {}
    for connection in connections:
        client, server = found.key(connection.client), found.key(connection.server)
        if is_mail(connection):
            passes_on = server in submitted or (server in clients and relays)
            roles[server] = "relay" if passes_on else "receiver"
            if client not in servers:
                roles[client] = "user-agent" if agents else "client"
        elif is_reading(connection):
            roles.setdefault(server, "receiver")
            roles.setdefault(client, "user-agent")
        else:
            roles.setdefault(client, "other")
            answers = connection.service in ("dns",)
            if roles.get(server, "other") == "other":
                roles[server] = "name-server" if answers else "other"
    if relays:
        for key in clients - servers:
            own = [c for c in mail if found.key(c.client) == key]
            if _acts_as_relay(own, _questions(found, connections).get(key)):
                roles[key] = "relay"
    return roles


def _questions(found: Cast, connections: Iterable[Connection]) -> dict[str, set[str]]:
    """The types of records that each host asked for."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for c in connections:
        if c.service == "dns":
            kinds[found.key(c.client)] |= {e.command.verb for e in c.exchanges if e.command is not None}
    return kinds


def _acts_as_relay(connections: list[Connection], asked: set[str] | None) -> bool:
    """Whether a host that takes no mail in this capture delivers it as relays do; ``asked`` is what DNS was asked."""
    if any(c.server.port in SUBMISSION for c in connections):
        return False
    if any(c.service in _LMTP for c in connections):
        return True
    return "MX" in asked if asked else len(connections) > 1


def _give_domains(found: Cast, connections: Iterable[Connection], directory: Directory, *, by_hand: bool) -> None:
    asked: dict[str, Counter[str]] = defaultdict(Counter)
    senders: dict[str, Counter[str]] = defaultdict(Counter)
    passed_on: dict[str, set[str]] = defaultdict(set)
    servers = {found.key(c.server) for c in connections if is_mail(c)}
    for connection in connections:
        for transaction in connection.transactions:
            if transaction.sender and transaction.sender != UNSEEN:
                submits = connection.server.port in SUBMISSION or found.key(connection.client) not in servers
                holder = connection.server if submits else connection.client
                senders[found.key(holder)][domain_of(transaction.sender).lower()] += 1
            for to in transaction.recipients:
                if to.address and to.address != UNSEEN:
                    weight = 100 if to.accepted else 1
                    asked[found.key(connection.server)][domain_of(to.address).lower()] += weight
                    passed_on[found.key(connection.client)].add(domain_of(to.address).lower())
    asked_mx = _asked_mx(found, connections)
    published: dict[str, tuple[str, int]] = {}
    for domain, exchangers in directory.exchangers.items():
        for preference, host in exchangers:
            for address in directory.addresses.get(host, []):
                published.setdefault(directory.names.get(address, address), (domain, preference))
                published.setdefault(_key_of(found, address, directory), (domain, preference))
            published.setdefault(host, (domain, preference))
    for key, party in found.parties.items():
        if party.role not in ("relay", "receiver"):
            continue
        handed_on = set() if by_hand else passed_on[key]
        asked[key] = Counter({name: count for name, count in asked[key].items() if name not in handed_on})
        if key in published and not by_hand and published[key][0] not in asked_mx[key]:
            domain, party.preference = published[key]
        elif asked[key] and (by_hand or not party.ports & SUBMISSION):
            domain = asked[key].most_common(1)[0][0]
        elif senders[key]:
            domain = senders[key].most_common(1)[0][0]
        elif asked[key]:
            domain = asked[key].most_common(1)[0][0]
        else:
            domain = key if is_host_name(key) and not key[0].isdigit() else "nobody.example"
        party.domain = found.names.domain(domain)


def _asked_mx(found: Cast, connections: Iterable[Connection]) -> dict[str, set[str]]:
    """The domains that each host has looked up to deliver to: not its own."""
    domains: dict[str, set[str]] = defaultdict(set)
    for c in connections:
        if c.service == "dns":
            asked = [e.command for e in c.exchanges if e.command is not None and e.command.verb == "MX"]
            domains[found.key(c.client)] |= {command.argument.lower().rstrip(".") for command in asked}
    return domains


def _key_of(found: Cast, address: str, directory: Directory) -> str:
    for key in found.parties:
        if key == address or directory.names.get(address) == key:
            return key
    return address


def _give_owners(found: Cast, connections: Iterable[Connection]) -> None:
    senders: dict[str, Counter[str]] = defaultdict(Counter)
    for connection in connections:
        for transaction in connection.transactions:
            if transaction.sender and transaction.sender != UNSEEN:
                senders[found.key(connection.client)][transaction.sender] += 1
    taken: set[str] = set()
    for key, party in found.parties.items():
        if party.role == "user-agent":
            first = next(iter(senders[key]), "")
            party.address = found.names.address(first) if first else ""
            taken.add(party.address)


def _give_names(found: Cast) -> None:
    used: set[str] = set()
    for party in found.parties.values():
        for candidate in _candidates(found, party):
            if candidate not in used and is_host_name(candidate):
                party.name = candidate
                used.add(candidate)
                break


def _candidates(found: Cast, party: Party) -> Iterator[str]:
    """Names in the order in which they please."""
    key = party.key
    if party.role == "name-server":
        yield "ns.lab"
    known = is_host_name(key) and not key[-1].isdigit() and ":" not in key
    if known and found.names.text(key) == key and "." in key:
        yield key
    if party.domain:
        yield party.domain
        yield from (f"mx{number}.{party.domain}" for number in range(1, 100))
    if party.role == "user-agent" and party.address:
        local, _, domain = party.address.rpartition("@")
        yield f"{local}.{domain}".lower()
    if party.role == "user-agent":
        yield "alice.crepes.fr"
    yield from (f"client{number or ''}.example" for number in range(1_000))
