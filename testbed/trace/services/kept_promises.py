"""Whether servers keep what their domains promise of TLS: the certificate seen, against TLSA records and policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from testbed.durations import SECOND
from testbed.trace.flows import CLIENT
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.promised_tls import PolicySeen, TlsaSeen, Told, domains_of, told_of_tls
from testbed.trace.services.smtp.service import SMTP
from testbed.trace.tls.certificates import flaw_of
from testbed.transport_security.certificates import NotProven
from testbed.transport_security.tlsa import authenticate, told, usable


class Broken(Struct, frozen=True):
    """A promise that a server did not keep, in the rest of a sentence; ``frames`` show both."""

    text: str
    frames: tuple[int, ...]
    connections: tuple[int, ...]


def kept_promises(connections: Iterable[Connection]) -> Iterator[Finding]:
    """Certificates and names that do not fit what the client was told of them, each once for a client and a server."""
    found = list(connections)
    told = told_of_tls(found)
    seen: set[tuple[str, str, str]] = set()
    for connection in found:
        client = told.get(connection.client.address)
        if client is None or connection.service not in SMTP.names:
            continue
        for finding in _of(connection, client):
            key = finding.code, connection.client.address, connection.server.address
            if key not in seen:
                seen.add(key)
                yield finding


def tlsa_broken(connection: Connection, host: str, names: Iterable[str], seen: TlsaSeen) -> Broken | None:
    """The certificates fit no usable record; None also where nobody can tell.

    ``names`` are those that a certificate may bear besides the host's (RFC 7672 §3.2.2).  Whether signatures of a chain
    that leads to a named authority hold is not asked: a client may know more kinds of them than we.
    """
    tls, records = connection.tls, usable(seen.records)
    if tls is None or not tls.chain or not records:
        return None
    try:
        authenticate(tls.chain, records, (host, *names), connection.start_ns / SECOND)
    except NotProven as error:
        if error.result == "certificate-not-trusted":
            return None
        matches = "certificate of {} matches none" if len(tls.chain) == 1 else "certificates of {} match none"
        text = f"the {matches.format(host)} of its TLSA records ({told(records)})"
        if error.result != "validation-failure":
            text = f"the certificate of {host} is not what its TLSA records demand (usage 2): {error}"
        return Broken(text, (*seen.frames, *_shown(connection)), (seen.number, connection.number))
    return None


def policy_broken(connection: Connection, host: str, domain: str, seen: PolicySeen) -> Broken | None:
    """The host or its certificate is not what the policy demands; None also where nobody can tell."""
    policy, tls = seen.policy, connection.tls
    if policy.mode == "none":
        return None
    if not policy.allows(host):
        text = f"{host} is not an MX that the MTA-STS policy of {domain} allows ({', '.join(policy.mx[:5])})"
        return Broken(text, (*seen.frames, connection.first_frame), (seen.number, connection.number))
    if tls is None or not tls.certificate:
        return None
    flaw = flaw_of(tls.certificate, host, connection.start_ns)
    if flaw is None:
        return None
    text = f"the certificate of {host} is not what the MTA-STS policy of {domain} demands: {flaw.text}"
    return Broken(text, (*seen.frames, *_shown(connection)), (seen.number, connection.number))


def server_name(connection: Connection, client: Told, domain: str) -> str:
    """Which MX of a domain a connection is with; ``""`` where nobody can tell."""
    return client.host_at(connection.server.address, domain)


def _of(connection: Connection, client: Told) -> Iterator[Finding]:
    at = connection.start_ns
    for host in sorted(client.hosts.get(connection.server.address, ())):
        tlsa = client.tlsa_of(host, at)
        broken = tlsa_broken(connection, host, client.domains_of(host), tlsa) if tlsa is not None else None
        if broken is not None:
            yield _finding("tlsa-mismatch", connection, broken, "RFC 7672 §3.1")
        if tlsa is not None and usable(tlsa.records):
            return  # DANE goes before MTA-STS (RFC 8461 §2)
    domains = domains_of(connection) or tuple(client.policies)
    for domain in domains:
        policy, host = client.policy(domain, at), server_name(connection, client, domain)
        broken = policy_broken(connection, host, domain, policy) if policy is not None and host else None
        if broken is not None:
            yield _finding("mta-sts-mismatch", connection, broken, "RFC 8461 §4")
            return


def _finding(code: str, connection: Connection, broken: Broken, reference: str) -> Finding:
    text = f"{broken.text}; {connection.client.label} had looked this up"
    numbers = tuple(dict.fromkeys(broken.connections))
    return Finding(code, Severity.ERROR, text, tuple(sorted(set(broken.frames))), reference, numbers)


def _shown(connection: Connection) -> tuple[int, ...]:
    """The frames in which the server showed its certificate, or began TLS."""
    tls = connection.tls
    if tls is None:
        return ()
    frames = [frame for frame, side, name in tls.steps if side != CLIENT and "ertificate" in name]
    return tuple(frames[:1]) or (tls.hello_frame,)
