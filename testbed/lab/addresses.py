"""The loopback addresses of a lab's hosts."""

from __future__ import annotations

from ipaddress import ip_address

from testbed.scenario.hosts import NameServerSpec
from testbed.scenario.scenario import Scenario


def lay_out(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Each host's loopback addresses: the name server ends in 53, the others in 10, 20, 30 ..."""
    addresses = {}
    number = 0
    for name, host in scenario.hosts.items():
        if isinstance(host, NameServerSpec):
            last, network = 53, 0
        else:
            number += 1
            network, last = divmod(number * 10, 250)
        v4, v6 = f"127.0.{network}.{last}", str(ip_address(f"fd00::{network:x}:{last}"))
        addresses[name] = {"ipv4": (v4,), "ipv6": (v6,), "both": (v6, v4)}[scenario.ip]
    return addresses


def addresses_of_nobody(scenario: Scenario, number: int) -> tuple[str, ...]:
    """The addresses of somebody who is no host, of the families the scenario has; hosts never get these."""
    v4, v6 = f"127.0.99.{number}", f"fd00::63:{number}"
    return {"ipv4": (v4,), "ipv6": (v6,), "both": (v6, v4)}[scenario.ip]
