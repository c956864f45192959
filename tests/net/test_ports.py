"""The high ports that stand for the services of a lab on the machine's loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testbed.errors import LabError
from testbed.net.ports import BLOCK, Ports


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports()
    yield made
    made.close()


def test_a_service_has_one_port_and_it_translates_back(ports: Ports) -> None:
    high = ports.of(25)
    assert ports.first <= high <= ports.last
    assert ports.of(25) == high
    assert ports.of(high) == high
    assert ports.service(high) == 25
    assert ports.service(40_000) == 40_000


def test_what_stands_for_a_closed_port_is_another_and_the_same_service(ports: Ports) -> None:
    assert ports.closed(25) != ports.of(25)
    assert ports.service(ports.closed(25)) == 25
    assert ports.is_closed(ports.closed(25))
    assert not ports.is_closed(ports.of(25))


def test_two_labs_share_none(ports: Ports) -> None:
    other = Ports()
    assert not set(range(ports.first, ports.last + 1)) & set(range(other.first, other.last + 1))
    other.close()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_is_passed_over(ports: Ports, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as somebody:
        somebody.bind(("127.0.0.1", ports.first))
        if kind is socket.SOCK_STREAM:
            somebody.listen()
        assert ports.of(25) == ports.first + 1


def test_a_block_that_is_used_up_is_a_sentence(ports: Ports) -> None:
    with ExitStack() as stack:
        for port in range(ports.first, ports.last + 1):
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        with pytest.raises(LabError, match=f"the ports {ports.first} to {ports.last} .* are used up"):
            ports.of(25)
    assert ports.last - ports.first + 1 == BLOCK
