"""What domains publish of TLS on the way to them: MTA-STS, TLSA, reports (RFC 8461 §3.1, 7672 §2.2, 8460 §3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.hosts.certificates import Authority
from testbed.hosts.dns.zone import ZoneEntry
from testbed.hosts.zone_script import TTL_S
from testbed.scenario.hosts import MailHostSpec, ReceiverSpec
from testbed.scenario.scenario import Scenario
from testbed.scenario.transport import DanePhase, exchangers_of, in_force, policy_at
from testbed.transport_security.mta_sts import policy_host, record_name, record_text
from testbed.transport_security.report_record import address_record, address_record_name
from testbed.transport_security.tlsa import tlsa_name, tlsa_text


def transport_records(
    scenario: Scenario, addresses: Mapping[str, tuple[str, ...]], authority: Authority | None, at_ns: int
) -> Iterator[ZoneEntry]:
    """The records of a time, in nanoseconds since everybody is there."""
    servers = {name: host.domain for name, host in scenario.hosts.items() if isinstance(host, MailHostSpec)}
    for name, host in scenario.hosts.items():
        if not isinstance(host, ReceiverSpec):
            continue
        policy = policy_at(host.mta_sts, exchangers_of(host.domain, servers), at_ns)
        if host.mta_sts:
            for address in addresses[name]:
                yield ZoneEntry(policy_host(host.domain).lower(), "AAAA" if ":" in address else "A", address)
        if policy is not None and policy[2]:
            yield ZoneEntry(record_name(host.domain).lower(), "TXT", f'"{record_text(policy[0])}"')
        if host.tls_reports:
            text = f'"{address_record(host.tls_reports)}"'
            yield ZoneEntry(address_record_name(host.domain).lower(), "TXT", text)
        dane = in_force(host.dane, at_ns)
        if dane is not None and authority is not None:
            for record in _tlsa(name, dane[1], authority):
                yield ZoneEntry(tlsa_name(name).lower(), "TLSA", record, TTL_S)


def changes(scenario: Scenario) -> list[int]:
    """When these records change, from the start on, in nanoseconds since everybody is there."""
    return sorted(
        {0, *(at for host in scenario.hosts.values() if isinstance(host, ReceiverSpec) for at in host.changes)}
    )


def _tlsa(name: str, phase: DanePhase, authority: Authority) -> Iterator[str]:
    certificates = [authority.der(name, key) for key in phase.keys]
    if phase.of_authority:
        certificates = [authority.anchor] if phase.keys else []
    for certificate in certificates:
        yield tlsa_text(certificate, phase.usage, phase.selector, phase.matching)
