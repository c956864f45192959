"""Live captures in a private network: what was sent is in them, once; they end when told; refusals are sentences."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from testbed.errors import CaptureError, LabError
from testbed.net.live import live
from testbed.net.namespace import enter_plain, libc
from testbed.pcap.capture import Capture
from testbed.pcap.decode import packet_table
from testbed.pcap.stream import segments

from .children import in_child

pytestmark = pytest.mark.lab

THROUGH = [pytest.param("dumpcap", marks=pytest.mark.program("dumpcap")), "socket"]
GREETING, HELLO = b"220 mx.example ESMTP\r\n", b"EHLO client.example\r\n"
through_both = pytest.mark.parametrize("through", THROUGH)


def in_network(story: Callable[[], Any]) -> Any:
    """What a story gives in a network of its own, of which there is nothing but loopback."""

    def live() -> Any:
        enter_plain()
        return story()

    return in_child(live)


def talk() -> None:
    """A TCP connection over loopback, with a line each way."""
    with socket.create_server(("127.0.0.1", 25)) as listener, socket.create_connection(("127.0.0.1", 25)) as client:
        server, _ = listener.accept()
        with server:
            server.sendall(GREETING)
            assert client.recv(100) == GREETING
            client.sendall(HELLO)
            assert server.recv(100) == HELLO


def lines(capture: Capture) -> list[bytes]:
    table = packet_table(capture)
    return [table.octets(row) for row in range(len(table)) if table.length[row]]


@through_both
@pytest.mark.parametrize("interface", ["lo", "any"])
def test_what_was_sent_is_captured_once(interface: str, through: str) -> None:
    def story() -> Any:
        with live(interface, through=through) as source:
            talk()
            found: list[Capture] = []
            for segment in segments(source.read, interface, problems=source.problems):
                found.append(segment)
                if HELLO in [line for part in found for line in lines(part)]:
                    source.stop()
            shapes = [(part.interfaces[0].link_type, part.time_ns.tolist()) for part in found if len(part.frame)]
            return [line for part in found for line in lines(part)], shapes, found[-1].frames, source.problems

    spoken, shapes, frames, problems = in_network(story)
    assert spoken == [GREETING, HELLO]
    assert frames >= 7  # the handshake, two lines, their acknowledgements
    assert problems == []
    times = [time for _, part in shapes for time in part]
    assert times == sorted(times)
    assert {link for link, _ in shapes} <= ({1} if interface == "lo" else {113, 276})


@through_both
def test_it_ends_after_so_many_packets(through: str) -> None:
    def story() -> Any:
        with live("lo", packets=3, through=through) as source:
            talk()
            *_, last = segments(source.read, "lo")
            return last.frames

    assert in_network(story) == 3


@through_both
def test_it_ends_after_so_many_seconds_without_a_packet(through: str) -> None:
    def story() -> Any:
        with live("lo", seconds=0.05, through=through) as source:
            return [(segment.frames, segment.problems) for segment in segments(source.read, "lo")]

    assert in_network(story) == [(0, ())]


@through_both
def test_it_ends_with_sigint_and_gives_what_it_has(through: str) -> None:
    def story() -> Any:
        before = signal.getsignal(signal.SIGINT)
        with live("lo", through=through) as source:
            talk()
            signal.raise_signal(signal.SIGINT)
            *_, last = segments(source.read, "lo")
        return last.frames, signal.getsignal(signal.SIGINT) == before

    frames, restored = in_network(story)
    assert restored
    assert frames >= 7 or through == "dumpcap"  # which may not have looked yet


def test_a_second_sigint_is_obeyed_at_once() -> None:
    def story() -> Any:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
        with live("lo", through="socket"):
            signal.raise_signal(signal.SIGINT)
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                return "interrupted"

    assert in_network(story) == "interrupted"


def test_it_runs_in_any_thread() -> None:
    def story() -> Any:
        frames: list[int] = []

        def capture() -> None:
            with live("lo", seconds=0.01, through="socket") as source:
                frames.extend(segment.frames for segment in segments(source.read, "lo"))

        thread = threading.Thread(target=capture)
        thread.start()
        thread.join()
        return frames

    assert in_network(story) == [0]


IP = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 64, 253, 0, bytes(4), bytes((127, 0, 0, 1)))
TAGGED = bytes.fromhex("ffffffffffff 020000000001 8100 0005 0800") + IP


@pytest.mark.parametrize(
    ("kind", "packet", "link_type"),
    [
        pytest.param(0x1, IP, 101, id="no link layer at all"),
        pytest.param(0x2, TAGGED, 1, id="Ethernet with a VLAN tag, which the kernel takes out"),
    ],
)
@through_both
def test_packets_of_other_devices(kind: int, packet: bytes, link_type: int, through: str) -> None:
    def story() -> Any:
        device = tunnel(kind)
        with live("tun0", through=through) as source:
            os.write(device, packet)
            captures = segments(source.read, "tun0")
            return next(c.interfaces[0].link_type for c in captures if packet in map(c.octets, range(len(c.frame))))

    # libpcap, and so dumpcap, has a link type of its own for raw IP
    assert in_network(story) in (link_type, 12 if link_type == 101 else link_type)


def tunnel(kind: int, *, up: bool = True) -> int:
    """A TUN device (1) or a TAP device (2), up or down."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"tun0", kind | 0x1000))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH22x", b"tun0", int(up)))
    return device


def test_drops_are_told() -> None:
    """The kernel keeps only so much while nobody reads."""

    def story() -> Any:
        with live("lo", through="socket") as source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.1", 0))
            for _ in range(4_000):
                sender.sendto(bytes(60_000), sender.getsockname())
            source.stop()
            *_, last = segments(source.read, "lo", problems=source.problems)
        return last.frames, last.problems

    frames, problems = in_network(story)
    (problem,) = problems
    assert 0 < frames < 4_000, problems
    assert problem.startswith("the kernel dropped ")
    assert problem.endswith(" packets: they came faster than they were read")


def refusal(story: Callable[[], Any]) -> Any:
    def told() -> Any:
        try:
            story()
        except (CaptureError, LabError) as error:
            return type(error), str(error)

    return in_network(told)


def capture(interface: str, through: str | None = None) -> None:
    with live(interface, through=through):  # type: ignore[arg-type]
        pass


def test_no_such_interface() -> None:
    kind, told = refusal(lambda: capture("eth\x1b7"))
    assert kind is CaptureError
    assert told.startswith("there is no interface eth\\x1b7; there are: lo, ")
    assert told.endswith(", any")


def test_an_interface_that_is_down() -> None:
    def story() -> None:
        tunnel(0x1, up=False)
        capture("tun0")

    assert refusal(story) == (CaptureError, "tun0 is down; bring it up with 'ip link set tun0 up'")


def test_without_the_right() -> None:
    def story() -> None:
        drop_rights()
        capture("lo")

    kind, told = refusal(story)
    assert kind is LabError
    assert told.startswith("lo: this user may not capture; ")
    assert "cap_net_raw" in told.lower().replace("cap-add=net_raw", "cap_net_raw")
    assert told.endswith(", or install dumpcap and join its group, wireshark")


def drop_rights() -> None:
    """As a user who is not root has it: no capabilities, nor any by exec (PR_SET_NO_NEW_PRIVS, SECBIT_NOROOT)."""
    assert libc.prctl(28, 0b11, 0, 0, 0) == 0  # PR_SET_SECUREBITS
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)
    assert libc.capset(header, nothing) == 0
