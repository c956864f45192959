"""What clients were told of TLS with the mail servers of a domain: MTA-STS policies and TLSA records they have seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from testbed.durations import SECOND
from testbed.protocols.address import domain_of
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.dns.results import usable_answer
from testbed.trace.services.http.results import http_result
from testbed.transport_security.mta_sts import BadPolicy, StsPolicy, policy_host, read_policy
from testbed.transport_security.tlsa import Tlsa, read_tlsa

_MOST = 10_000  # of a client: what is told of others is passed over
_MX = "MX"


class PolicySeen(Struct, frozen=True):
    """A policy that a client fetched, when, in which frames of which connection."""

    policy: StsPolicy
    time_ns: int
    frames: tuple[int, ...]
    number: int

    def counts_at(self, time_ns: int) -> bool:
        """Whether it has been seen by then, and has not run out."""
        return self.time_ns <= time_ns < self.time_ns + self.policy.max_age * SECOND


class TlsaSeen(Struct, frozen=True):
    """The authenticated TLSA records of a server that a client was told, none where there are none."""

    records: tuple[Tlsa, ...]
    time_ns: int
    frames: tuple[int, ...]
    number: int


@dataclass(slots=True)
class Told:
    """What one client was told, in the order of time: policies by domain, TLSA records by host, hosts by address."""

    policies: dict[str, list[PolicySeen]] = field(default_factory=lambda: defaultdict(list))
    tlsa: dict[str, list[TlsaSeen]] = field(default_factory=lambda: defaultdict(list))
    hosts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    exchangers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def policy(self, domain: str, time_ns: int) -> PolicySeen | None:
        """The policy of a domain that counts at a time; None for none."""
        seen = [one for one in self.policies.get(domain.lower(), ()) if one.time_ns <= time_ns]
        return seen[-1] if seen and seen[-1].counts_at(time_ns) else None

    def tlsa_of(self, host: str, time_ns: int) -> TlsaSeen | None:
        """The last it was told of a server's TLSA records by then; None where it has not asked."""
        seen = [one for one in self.tlsa.get(host.lower(), ()) if one.time_ns <= time_ns]
        return seen[-1] if seen else None

    def domains_of(self, host: str) -> tuple[str, ...]:
        """The domains whose MX a host is, as the client was told."""
        return tuple(domain for domain, hosts in self.exchangers.items() if host.lower() in hosts)

    def host_at(self, address: str, domain: str) -> str:
        """The MX of a domain that has an address, as the client was told; ``""`` where that is not one host."""
        hosts = self.hosts.get(address, set())
        exchangers = self.exchangers.get(domain.lower(), set()) or {domain.lower()}
        found = hosts & exchangers
        return next(iter(found)) if len(found) == 1 else ""


def told_of_tls(connections: Iterable[Connection]) -> dict[str, Told]:
    """What each client was told, by its address."""
    told: dict[str, Told] = defaultdict(Told)
    for connection in connections:
        for exchange in connection.exchanges:
            client = told[connection.client.address]
            if connection.service == "http":
                _policy(client, connection, exchange)
            elif connection.service == "dns":
                _answer(client, connection, exchange)
    return told


def domains_of(connection: Connection) -> Sequence[str]:
    """The domains of the recipients of what was sent."""
    recipients = (to for transaction in connection.transactions for to in transaction.recipients)
    return tuple(dict.fromkeys(domain_of(to.address).lower() for to in recipients))


def _policy(client: Told, connection: Connection, exchange: Exchange) -> None:
    result, reply = http_result(exchange), exchange.reply
    prefix = policy_host("")
    if result.policy is None or reply is None or not result.policy_host.startswith(prefix):
        return
    domain = result.policy_host.removeprefix(prefix)
    if connection.tls is None or len(client.policies[domain]) >= _MOST:
        return
    try:
        policy = read_policy(result.policy)
    except BadPolicy:
        return
    client.policies[domain].append(PolicySeen(policy, reply.end_ns, exchange.frames, connection.number))


def _answer(client: Told, connection: Connection, exchange: Exchange) -> None:
    command, reply, answer = exchange.command, exchange.reply, usable_answer(exchange)
    if command is None or reply is None or answer is None:
        return
    name = command.argument.lower()
    if command.verb == "TLSA" and name.startswith("_25._tcp."):
        seen = client.tlsa[name.removeprefix("_25._tcp.")]
        texts = [record.text for record in answer.records if record.kind == "TLSA"]
        records = read_tlsa(texts) if answer.authenticated else ()
        if len(seen) < _MOST and reply.code in ("NOERROR", "NXDOMAIN"):
            seen.append(TlsaSeen(records, reply.end_ns, exchange.frames, connection.number))
    elif command.verb in ("A", "AAAA"):
        for address in answer.targets(command.verb):
            if len(client.hosts) < _MOST:
                client.hosts[address].add(name)
    elif command.verb == _MX and len(client.exchangers) < _MOST:
        client.exchangers[name] |= {host for _, host in answer.exchangers()}
