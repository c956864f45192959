"""The networks that labs live in: loopback's, or one that production configurations take for the Internet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from testbed.lab.addresses import addresses_of_nobody, lay_out
from testbed.outcome import Result
from testbed.scenario.load import parse, parse_cases
from testbed.scenario.problems import ScenarioError
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play, why

SCENARIOS = PROJECT / "scenarios"
STEPS = "steps: [send: {to: bob@someschool.edu}]\nexpect: [delivered: {to: bob@someschool.edu}]\n"
PROGRAM = "hosts: {crepes.fr: {role: relay, command: x, listens: [25, 587]}}\n"


@pytest.mark.parametrize(
    ("said", "network"),
    [
        ("", "127.0.0.0/8"),
        (PROGRAM, "192.0.2.0/24"),
        (PROGRAM + "addresses: 127.0.0.0/8\n", "127.0.0.0/8"),
        ("addresses: 198.51.100.0/24\n", "198.51.100.0/24"),
        ("addresses: 10.1.2.0/24\n", "10.1.2.0/24"),
    ],
)
@pytest.mark.parametrize("ip", ["ipv4", "both", "ipv6"])
def test_every_host_has_addresses_of_its_own_in_the_network(said: str, network: str, ip: str) -> None:
    scenario = parse(f"title: x\n{said}ip: {ip}\n{STEPS}")
    found = [*lay_out(scenario).values(), addresses_of_nobody(scenario, 1), addresses_of_nobody(scenario, 2)]
    flat = [ip_address(address) for own in found for address in own]
    assert len(set(flat)) == len(flat)
    six = ip_network("fd00::/64" if network.startswith("127.") else "2001:db8::/64")
    assert all(address in (six if address.version == 6 else ip_network(network)) for address in flat)
    assert {address.version for address in flat} == {"ipv4": {4}, "ipv6": {6}, "both": {4, 6}}[ip]


def test_two_hundred_hosts_have_room_and_more_are_told_where_they_have() -> None:
    def text(hosts: int) -> str:
        clients = "".join(f"  c{number}.example: {{role: client}}\n" for number in range(hosts))
        return f"title: x\naddresses: 192.0.2.0/24\nhosts:\n{clients}{STEPS}"

    scenario = parse(text(190))
    flat = [own for host in lay_out(scenario).values() for own in host]
    assert len(set(flat)) == len(flat)
    with pytest.raises(ScenarioError, match=r"192\.0\.2\.0/24 has room for 200 hosts; say 'addresses: 127\.0\.0\.0/8'"):
        parse(text(210))


@pytest.mark.parametrize(
    ("addresses", "problem"),
    [
        ("192.0.2.0/23", r"127\.0\.0\.0/8, or one of 256 addresses, such as 192\.0\.2\.0/24"),
        ("192.0.2.7/24", "IPv4 network"),
        ("224.0.0.0/24", r"hosts cannot have addresses of 224\.0\.0\.0/24"),
        ("127.0.1.0/24", "hosts cannot have addresses of"),
        ("0.0.0.0/24", "hosts cannot have addresses of"),
        ("169.254.1.0/24", "hosts cannot have addresses of"),
        ("2001:db8::/64", "IPv4"),
        ("here", "IPv4"),
    ],
)
def test_mistakes(addresses: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        parse(f"title: x\naddresses: {addresses}\n{STEPS}")


@pytest.mark.lab
@pytest.mark.parametrize("ip", ["ipv4", "ipv6"])
@pytest.mark.parametrize(
    "name",
    [
        "delivered", "mailbox-full", "second-mx", "host-unreachable", "data-segment-lost", "syn-lost-twice",
        "first-mx-refused", "cut", "from-keyboard-to-browser", "large-packets-vanish", "bounce-in-form",
    ],
)  # fmt: skip
def test_scenarios_play_in_either_network(name: str, ip: str, tmp_path: Path) -> None:
    (file,) = SCENARIOS.rglob(f"{name}.yaml")
    text = f"title: x\nlike: {file}\nip: {ip}\naddresses: 192.0.2.0/24\n"
    for scenario in parse_cases(text):
        outcome = play(scenario, tmp_path)
        assert outcome.result is Result.HELD, why(outcome)
