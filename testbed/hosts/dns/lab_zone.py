"""The zone the lab's name server publishes: every host's addresses and their names, every mail domain's MX, the
keys that relays sign with, and what the scenario says besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address

from testbed.hosts.certificates import Authority
from testbed.hosts.dns.transport_records import transport_records
from testbed.hosts.dns.zone import Zone, ZoneEntry
from testbed.hosts.signing_key import key_record
from testbed.hosts.zone_script import TTL_S, ZoneScript, addresses_for
from testbed.scenario.blocklists import entries
from testbed.scenario.faults import ZoneFault
from testbed.scenario.hosts import ReceiverSpec, RelaySpec
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.scenario import Scenario
from testbed.scenario.zone_records import records_of

Addresses = Mapping[str, tuple[str, ...]]
_CNAME = "CNAME"


def address_kinds(scenario: Scenario) -> tuple[str, ...]:
    """The address record types in use, preferred first."""
    return {"ipv4": ("A",), "ipv6": ("AAAA",), "both": ("AAAA", "A")}[scenario.ip]


def lab_zone(
    scenario: Scenario,
    addresses: Addresses,
    now: Callable[[], float] = lambda: 0.0,
    authority: Authority | None = None,
    at_ns: int = 0,
) -> Zone:
    """``addresses`` gives each host's addresses by host name.  Names that faults give records exist as well.

    ``now`` gives seconds since the Unix epoch in scenario time, for signatures; what changes is as it is ``at_ns``
    after everybody was there.  ``authority`` has signed the certificates that TLSA records are about.  What the
    scenario's ``records`` say of a name and a type stands in place of what the lab would say.
    """
    faults = [fault for fault in scenario.faults if isinstance(fault, ZoneFault) and fault.holds]
    script = ZoneScript(addresses=addresses)
    staged = [name.to_text() for fault in faults for name in script.names_of(fault)]
    written = list(_written(scenario, addresses))
    said = {(entry.name, entry.kind) for entry in written}
    aliases = {name for name, kind in said if kind == _CNAME}
    own = [
        entry
        for entry in (*_own(scenario, addresses), *transport_records(scenario, addresses, authority, at_ns))
        if (entry.name, entry.kind) not in said and entry.name not in aliases
    ]
    server, spec = next((name, host) for name, host in scenario.hosts.items() if isinstance(host, NameServerSpec))
    if not spec.dnssec:
        return Zone([*own, *written], staged)
    from testbed.hosts.dns.dnssec import Signer  # cryptography, which other labs do without

    apexes = {*(entry.name for entry in own if entry.kind == "MX"), *map(_canonical, spec.records), *spec.blocklists}
    signer = Signer(apexes - aliases, server, now, scenario.seed)
    return Zone([*own, *written, *signer.entries(said)], staged, signer)


def _own(scenario: Scenario, addresses: Addresses) -> Iterator[ZoneEntry]:
    for name, own in addresses.items():
        spec = scenario.hosts.get(name)
        names = (name,) if spec is None or spec.ptr is None else spec.ptr
        for address in own:
            yield ZoneEntry(_canonical(name), "AAAA" if ":" in address else "A", address)
            for each in names:
                yield ZoneEntry(_canonical(ip_address(address).reverse_pointer), "PTR", f"{each.rstrip('.')}.")
    for name, host in scenario.hosts.items():
        if isinstance(host, RelaySpec | ReceiverSpec):
            yield ZoneEntry(_canonical(host.domain), "MX", f"{host.mx} {name}.")
        if isinstance(host, RelaySpec) and host.dkim is not None and not host.is_program:
            record = key_record(host.dkim, host.domain, scenario.seed)
            yield from [ZoneEntry(host.dkim.place(host.domain), "TXT", record)] if record else []


def _written(scenario: Scenario, addresses: Addresses) -> Iterator[ZoneEntry]:
    for host in scenario.hosts.values():
        for zone, listed in host.blocklists.items() if isinstance(host, NameServerSpec) else ():
            for name, kind, data in entries(zone, listed, addresses):
                yield ZoneEntry(_canonical(name), kind, data)
        for record in records_of(host.records, addresses) if isinstance(host, NameServerSpec) else ():
            ttl = TTL_S if record.ttl is None else record.ttl
            for data in addresses_for(record.kind, addresses[record.host]) if record.host else (record.data,):
                yield ZoneEntry(_canonical(record.name), record.kind, data, ttl)


def _canonical(name: str) -> str:
    return name.rstrip(".").lower()
