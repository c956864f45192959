"""The zone the lab's name server publishes: every host's addresses and their names, every mail domain's MX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from testbed.hosts.dns.name_server import Zone, ZoneEntry
from testbed.scenario.faults import ZoneFault
from testbed.scenario.hosts import ReceiverSpec, RelaySpec
from testbed.scenario.scenario import Scenario


def address_kinds(scenario: Scenario) -> tuple[str, ...]:
    """The address record types in use, preferred first."""
    return {"ipv4": ("A",), "ipv6": ("AAAA",), "both": ("AAAA", "A")}[scenario.ip]


def lab_zone(scenario: Scenario, addresses: Mapping[str, tuple[str, ...]]) -> Zone:
    """``addresses`` gives each host's addresses by host name.  Names that faults give records exist as well."""
    staged = [fault.zone for fault in scenario.faults if isinstance(fault, ZoneFault) and fault.holds]
    return Zone(_records(scenario, addresses), staged)


def _records(scenario: Scenario, addresses: Mapping[str, tuple[str, ...]]) -> Iterator[ZoneEntry]:
    for name, own in addresses.items():
        for address in own:
            yield ZoneEntry(name, "AAAA" if ":" in address else "A", address)
            yield ZoneEntry(ip_address(address).reverse_pointer, "PTR", f"{name}.")
    for name, host in scenario.hosts.items():
        if isinstance(host, RelaySpec | ReceiverSpec):
            yield ZoneEntry(host.domain, "MX", f"{host.mx} {name}.")
