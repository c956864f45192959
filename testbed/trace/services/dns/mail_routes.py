"""Where DNS sends mail, told across questions: MX records, then the addresses of the hosts they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from testbed.protocols.address import domain_of, is_ip
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.dns.results import Answer, usable_answer
from testbed.trace.services.dns.service import DNS
from testbed.trace.services.smtp.service import SMTP

_SETTLED = ("NOERROR", "NXDOMAIN")
_ADDRESSES = ("A", "AAAA")


class _Told(Struct, frozen=True):
    """An answer that may be used, where it is seen, and on which connection."""

    answer: Answer
    code: str
    frames: tuple[int, ...]
    number: int


@dataclass(slots=True)
class _Client:
    """What one host asked for and was told, the last answer to each question; and to whom it then spoke SMTP."""

    address: str
    name: str
    told: dict[tuple[str, str], _Told] = field(default_factory=dict)  # by type and name
    reached: dict[str, Connection] = field(default_factory=dict)  # by address
    to_itself: list[Connection] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.name or self.address

    def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses it was told."""
        told = self.of_addresses(host).values()
        return tuple(address for each in told for kind in _ADDRESSES for address in each.answer.targets(kind))

    def of_addresses(self, host: str) -> dict[str, _Told]:
        """What it was told of a host's addresses, by type."""
        return {kind: self.told[kind, host] for kind in _ADDRESSES if (kind, host) in self.told}

    def proof(self, *questions: tuple[str, str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The frames of some questions and their answers, and their connections."""
        found = [self.told[question] for question in questions if question in self.told]
        frames = tuple(sorted({frame for told in found for frame in told.frames}))
        return frames, tuple(sorted({told.number for told in found}))


def mail_routes(connections: Iterable[Connection]) -> Iterator[Finding]:
    """Domains without MX, and MX records that lead nowhere or where they should not."""
    for client in _clients(connections):
        for (kind, domain), told in client.told.items():
            if kind == "MX" and told.code == "NOERROR":
                exchangers = told.answer.exchangers()
                if not exchangers:
                    yield from _without_mx(client, domain)
                elif [host for _, host in exchangers] == [""]:
                    yield from _despite_null_mx(client, domain)
                else:
                    yield from _with_mx(client, domain, exchangers)

        yield from _unknown_hosts(client)


def _unknown_hosts(client: _Client) -> Iterator[Finding]:
    """Hosts that do not exist; an MX without address, a question to a block list or from a search list is none."""
    exchangers = {host for (kind, _), told in client.told.items() if kind == "MX" for host in told.answer.targets("MX")}
    names = {name for _, name in client.told}
    for (kind, host), told in client.told.items():
        if kind not in _ADDRESSES or told.code != "NXDOMAIN":
            continue
        labels = host.split(".")
        tried = any(".".join(labels[:count]) in names for count in range(1, len(labels)))  # a search list
        if not tried and host not in exchangers and not _is_reversed(labels):
            text = f"{client.label} looked up the address of {host}: there is no such host (NXDOMAIN)"
            yield Finding("host-unknown", Severity.WARNING, text, told.frames, "RFC 1035 §4.1.1", (told.number,))


def _is_reversed(labels: Sequence[str]) -> bool:
    """Whether a name begins with an address read backwards, as in block lists (RFC 5782 §2)."""
    v4 = len(labels) > 4 and all(label.isdecimal() for label in labels[:4])
    return v4 or (len(labels) > 32 and all(len(label) == 1 for label in labels[:32]))


def _clients(connections: Iterable[Connection]) -> Iterator[_Client]:
    clients: dict[str, _Client] = {}
    for connection in connections:
        if connection.service not in (*DNS.names, *SMTP.names):
            continue
        end = connection.client
        client = clients.setdefault(end.address, _Client(end.address, end.name.lower()))
        if connection.service in SMTP.names:
            client.reached.setdefault(connection.server.address, connection)
            client.to_itself += [connection] if connection.server.address == end.address else []
            continue
        for exchange in connection.exchanges:
            command, reply, answer = exchange.command, exchange.reply, usable_answer(exchange)
            if command is not None and reply is not None and answer is not None:
                told = _Told(answer, reply.code, exchange.frames, connection.number)
                client.told[command.verb, command.argument.lower()] = told
    yield from clients.values()


def _without_mx(client: _Client, domain: str) -> Iterator[Finding]:
    used = [client.reached[address] for address in client.addresses(domain) if address in client.reached]
    if used:
        text = f"{domain} has no MX; {client.label} used the domain's own address, as it should (implicit MX)"
        yield _finding(client, "implicit-mx", Severity.INFO, text, "RFC 5321 §5.1", domain, [domain], used[:1])


def _despite_null_mx(client: _Client, domain: str) -> Iterator[Finding]:
    used = [client.reached[address] for address in client.addresses(domain) if address in client.reached]
    if used:
        text = f"{client.label} connected to {domain} although the domain accepts no mail (null MX)"
        yield _finding(client, "null-mx-ignored", Severity.ERROR, text, "RFC 7505 §4.1", domain, [domain], used[:1])


def _with_mx(client: _Client, domain: str, exchangers: list[tuple[int, str]]) -> Iterator[Finding]:
    exchangers = [exchanger for exchanger in exchangers if exchanger[1]]  # a null MX beside others means nothing
    hosts = [host for _, host in exchangers]
    dead = [host for host in hosts if not is_ip(host) and _leads_nowhere(client, host)]
    for host in dead:
        text = f"{host}, an MX of {domain}, has no address: no mail can go there"
        yield _finding(client, "mx-without-address", Severity.WARNING, text, "RFC 5321 §5.1", domain, [host])
    if all(host in dead or is_ip(host) for host in hosts):
        text = f"no MX of {domain} can be used ({', '.join(hosts[:5])}): mail for it cannot be delivered"
        yield _finding(client, "no-mail-server", Severity.ERROR, text, "RFC 5321 §5.1", domain, hosts)
    for host in hosts:
        if _is_alias(client, host):
            text = f"{host}, an MX of {domain}, is an alias (CNAME); an MX must name a host that has addresses itself"
            yield _finding(client, "mx-is-alias", Severity.WARNING, text, "RFC 2181 §10.3", domain, [host])
    yield from _own_mx(client, domain, exchangers)


def _own_mx(client: _Client, domain: str, exchangers: list[tuple[int, str]]) -> Iterator[Finding]:
    """A host that has the domain's own name asks for it to check a sender, or hands mail for its users to itself."""

    def is_itself(host: str) -> bool:
        return host == client.name or client.address in client.addresses(host)

    own = {host for _, host in exchangers if is_itself(host)}
    if is_itself(domain):
        return
    best = min(preference for preference, _ in exchangers)
    if any(preference == best and host in own for preference, host in exchangers) and not _at_home(client, domain):
        text = f"{client.label} is itself the best MX of {domain}: mail sent on from there would loop"
        yield _finding(client, "mx-is-self", Severity.WARNING, text, "RFC 5321 §5.1", domain, sorted(own))


def _at_home(client: _Client, domain: str) -> bool:
    """Whether a host handed mail for a domain to itself, took it and kept it: no message came round again."""
    carried = Counter(t.message_id for c in client.to_itself for t in c.transactions if t.message is not None)
    taken = any(
        recipient.accepted and domain_of(recipient.address) == domain
        for connection in client.to_itself
        for transaction in connection.transactions
        for recipient in transaction.recipients
    )
    return taken and max(carried.values()) == 1


def _leads_nowhere(client: _Client, host: str) -> bool:
    """Whether it was told that a host has no address.  That it has none of one family may be as it should."""
    codes = {kind: told.code for kind, told in client.of_addresses(host).items()}
    if client.addresses(host) or any(code not in _SETTLED for code in codes.values()):
        return False
    return "A" in codes or "NXDOMAIN" in codes.values()


def _is_alias(client: _Client, host: str) -> bool:
    answers = [told.answer for told in client.of_addresses(host).values()]
    return any(any(answer.targets("CNAME")) and not answer.aliases_loop(host) for answer in answers)


def _finding(
    client: _Client,
    code: str,
    severity: Severity,
    text: str,
    reference: str,
    domain: str,
    hosts: Sequence[str],
    used: Sequence[Connection] = (),
) -> Finding:
    frames, numbers = client.proof(("MX", domain), *((kind, host) for host in hosts for kind in _ADDRESSES))
    frames = tuple(sorted({*frames, *(connection.first_frame for connection in used)}))
    return Finding(code, severity, text, frames, reference, (*numbers, *(c.number for c in used)))
