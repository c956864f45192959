"""The addresses of a lab's hosts."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import count

from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.scenario import Scenario

OUTSIDE = "outside.lab"
"""The name of everybody outside: connections that are forwarded into a lab come from its address."""

_NAME_SERVER = 53
_LAST = 250  # the last octet of a host's address at most
_ROOMY = 10  # the step between hosts, where there is room


def lay_out(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Each host's addresses: the name server ends in 53, the others in 10, 20, 30 ..."""
    places = _places(scenario)
    return {
        name: _addresses(scenario, *((0, _NAME_SERVER) if isinstance(host, NameServerSpec) else next(places)))
        for name, host in scenario.hosts.items()
    }


def addresses_of_nobody(scenario: Scenario, number: int) -> tuple[str, ...]:
    """The addresses of somebody who is no host, of the families the scenario has; hosts never get these."""
    return _addresses(scenario, *((99, number) if scenario.network.is_loopback else (0, _LAST + number)))


def _places(scenario: Scenario) -> Iterator[tuple[int, int]]:
    """The last two octets of hosts."""
    if scenario.network.is_loopback:
        return (divmod(number * _ROOMY, _LAST) for number in count(1))
    step = _ROOMY if len(scenario.hosts) < _LAST // _ROOMY else 1
    return ((0, last) for last in count(_ROOMY, step) if last != _NAME_SERVER)


def _addresses(scenario: Scenario, third: int, last: int) -> tuple[str, ...]:
    network: IPv4Network = scenario.network
    v4 = str(network.network_address + (third << 8) + last)
    v6 = f"{'fd00' if network.is_loopback else '2001:db8'}::{f'{third:x}:' if third else ''}{last}"
    return {"ipv4": (v4,), "ipv6": (v6,), "both": (v6, v4)}[scenario.ip]
