"""Where DNS sends mail, told across questions: MX records, then the addresses of the hosts they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from testbed.protocols.address import is_ip
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.dns.dialogue import MALFORMED, TRUNCATED
from testbed.trace.services.dns.findings import aliases_loop, mail_exchangers, records
from testbed.trace.services.dns.service import DNS
from testbed.trace.services.smtp.service import SMTP

_SETTLED = ("NOERROR", "NXDOMAIN")


@dataclass(slots=True)
class _Client:
    """What one host asked for and was told, the last answer to each question; and to whom it then spoke SMTP."""

    address: str
    name: str
    told: dict[tuple[str, str], tuple[Exchange, int]] = field(default_factory=dict)  # by type and name
    reached: dict[str, Connection] = field(default_factory=dict)  # by address

    @property
    def label(self) -> str:
        return self.name or self.address

    def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses it was told."""
        told = [self.told[key][0] for key in (("A", host), ("AAAA", host)) if key in self.told]
        return tuple(
            line.split()[-1] for exchange in told for kind in ("A", "AAAA") for line in records(exchange, kind)
        )

    def proof(self, *questions: tuple[str, str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The frames of some questions and their answers, and their connections."""
        found = [self.told[question] for question in questions if question in self.told]
        frames = tuple(sorted({frame for exchange, _ in found for frame in exchange.frames}))
        return frames, tuple(sorted({number for _, number in found}))


def mail_routes(connections: Iterable[Connection]) -> Iterator[Finding]:
    """Domains without MX, and MX records that lead nowhere or where they should not."""
    for client in _clients(connections):
        for (kind, domain), (exchange, _) in client.told.items():
            if kind == "MX" and exchange.reply is not None and exchange.reply.code == "NOERROR":
                exchangers = mail_exchangers(exchange)
                if not exchangers:
                    yield from _without_mx(client, domain)
                elif [host for _, host in exchangers] == [""]:
                    yield from _despite_null_mx(client, domain)
                else:
                    yield from _with_mx(client, domain, exchangers)

        yield from _unknown_hosts(client)


def _unknown_hosts(client: _Client) -> Iterator[Finding]:
    """Hosts that do not exist; an MX without address, a question to a block list or from a search list is none."""
    exchangers = {host for exchange, _ in client.told.values() for _, host in mail_exchangers(exchange)}
    names = {name for _, name in client.told}
    for (kind, host), (exchange, _) in client.told.items():
        if kind not in ("A", "AAAA") or exchange.reply is None or exchange.reply.code != "NXDOMAIN":
            continue
        labels = host.split(".")
        tried = any(".".join(labels[:count]) in names for count in range(1, len(labels)))  # a search list
        if not tried and host not in exchangers and not _is_reversed(labels):
            text = f"{client.label} looked for the address of {host}: there is no such host (NXDOMAIN)"
            frames, number = exchange.frames, client.told[kind, host][1]
            yield Finding("host-unknown", Severity.WARNING, text, frames, "RFC 1035 §4.1.1", (number,))


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
            continue
        for exchange in connection.exchanges:
            if exchange.command is None or exchange.reply is None or exchange.note in (TRUNCATED, MALFORMED):
                continue
            question = exchange.command.verb, exchange.command.argument.lower()
            client.told[question] = exchange, connection.number
    yield from clients.values()


def _without_mx(client: _Client, domain: str) -> Iterator[Finding]:
    used = [client.reached[address] for address in client.addresses(domain) if address in client.reached]
    if used:
        text = f"{domain} has no MX; {client.label} went to the domain's own address, as it should (implicit MX)"
        yield _finding(client, "implicit-mx", Severity.INFO, text, "RFC 5321 §5.1", domain, [domain], used[:1])


def _despite_null_mx(client: _Client, domain: str) -> Iterator[Finding]:
    used = [client.reached[address] for address in client.addresses(domain) if address in client.reached]
    if used:
        text = f"{client.label} connected to {domain} although that takes no mail (null MX)"
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
    own = {host for _, host in exchangers if host == client.name or client.address in client.addresses(host)}
    best = min(preference for preference, _ in exchangers)
    if any(preference == best and host in own for preference, host in exchangers):
        text = f"{client.label} is itself the best MX of {domain}: mail sent on from there would come back for ever"
        yield _finding(client, "mx-is-self", Severity.ERROR, text, "RFC 5321 §5.1", domain, sorted(own))


def _leads_nowhere(client: _Client, host: str) -> bool:
    """Whether it was told that a host has no address.  That it has none of one family may be as it should."""
    told = {kind: client.told[kind, host][0] for kind in ("A", "AAAA") if (kind, host) in client.told}
    codes = {kind: exchange.reply.code for kind, exchange in told.items() if exchange.reply is not None}
    if client.addresses(host) or any(code not in _SETTLED for code in codes.values()):
        return False
    return "A" in codes or "NXDOMAIN" in codes.values()


def _is_alias(client: _Client, host: str) -> bool:
    told = [client.told[kind, host][0] for kind in ("A", "AAAA") if (kind, host) in client.told]
    return any(records(exchange, "CNAME") and not aliases_loop(exchange) for exchange in told)


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
    frames, numbers = client.proof(("MX", domain), *((kind, host) for host in hosts for kind in ("A", "AAAA")))
    frames = tuple(sorted({*frames, *(connection.first_frame for connection in used)}))
    return Finding(code, severity, text, frames, reference, (*numbers, *(c.number for c in used)))
