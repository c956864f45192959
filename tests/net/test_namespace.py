"""The private network: real ports on loopback addresses, every packet over the wire, nothing shared."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.net.clock import ScenarioLoop
from testbed.net.namespace import SCRATCH, WayBack, enter
from tests.patience import HANG_S

from .children import in_child
from .conftest import ALICE, ALICE6, BOB, BOB6, InLab

pytestmark = pytest.mark.lab


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(100))
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(("client", "server"), [(ALICE, BOB), (ALICE6, BOB6)], ids=["IPv4", "IPv6"])
def test_tcp_goes_over_the_wire_to_a_real_port(in_lab: InLab, client: str, server: str) -> None:
    async def story(loop: ScenarioLoop) -> bytes:
        listener = await asyncio.start_server(_echo, server, 25)
        reader, writer = await asyncio.open_connection(server, 25, local_addr=(client, 0))
        writer.write(b"hello")
        answer = await reader.read(100)
        writer.close()
        listener.close()
        await asyncio.sleep(0.1)
        return answer

    answer, recorded = in_lab(story)
    assert answer == b"hello"
    assert recorded.kinds()[:4] == ["SYN", "SYN-ACK", "ACK", "data"]
    assert recorded.kinds(client).count("FIN") == recorded.kinds(server).count("FIN") == 1


@pytest.mark.parametrize(("client", "server"), [(ALICE, BOB), (ALICE6, BOB6)], ids=["IPv4", "IPv6"])
def test_datagrams_go_over_the_wire_to_port_53(in_lab: InLab, client: str, server: str) -> None:
    async def story(loop: ScenarioLoop) -> bytes:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        here, there = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        for sock in (here, there):
            sock.setblocking(False)
        there.bind((server, 53))
        here.bind((client, 0))
        await loop.sock_sendto(here, b"question", (server, 53))
        question, asker = await loop.sock_recvfrom(there, 100)
        await loop.sock_sendto(there, question + b" answered", asker)
        return await loop.sock_recv(here, 100)

    answer, recorded = in_lab(story)
    assert answer == b"question answered"
    assert [packet[2] for packet in recorded.packets] == [client, server]


@pytest.mark.parametrize(("client", "server"), [(ALICE, BOB), (ALICE6, BOB6)], ids=["IPv4", "IPv6"])
def test_the_first_packet_of_a_new_network_arrives(client: str, server: str) -> None:
    """Nothing of a network may come up later: what its first packet meets must not depend on the kernel's leisure."""

    def first_packet() -> bytes:
        network = enter(dict.fromkeys((client, server), "host"), server)
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        here, there = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        there.bind((server, 53))
        here.bind((client, 0))
        here.sendto(b"question", (server, 53))
        os.write(network.wire, os.read(network.wire, 2048))
        return there.recv(100)

    for _ in range(30):
        assert in_child(first_packet) == b"question"


def test_there_is_a_way_back_again_and_again(tmp_path: Path) -> None:
    """To the network, the files and the folder from before."""

    def there_and_back() -> list[tuple[bool, str, list[str], list[str]]]:
        os.chdir(tmp_path)
        seen = []
        outside = os.readlink("/proc/self/ns/net")
        for _ in range(3):
            way_back = WayBack()
            os.close(enter({ALICE: "alice"}, ALICE).wire)
            (SCRATCH / "letter").write_text("mail")
            inside = os.listdir(SCRATCH)
            private = os.readlink("/proc/self/ns/net") != outside
            way_back.take()
            back = os.readlink("/proc/self/ns/net") == outside
            seen.append((private and back, os.getcwd(), inside, os.listdir(SCRATCH)))
        return seen

    outside = os.listdir(SCRATCH)
    seen = in_child(there_and_back)
    assert all(went for went, *_ in seen)
    assert {folder for _, folder, *_ in seen} == {str(tmp_path)}
    assert all("letter" in inside and "letter" not in after for *_, inside, after in seen)
    assert "letter" not in outside


def test_a_story_that_hangs_is_a_failure_that_says_where(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> None:
        await loop.create_future()

    with pytest.raises(pytest.fail.Exception, match=r"did not end within 0\.5 s; .* waits in story"):
        in_lab(story, limit_s=0.5)


def test_a_child_dies_with_its_test() -> None:
    read_end, write_end = os.pipe()
    middle = os.fork()
    if middle == 0:
        in_child(lambda: (os.write(write_end, b"alive"), signal.pause()))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        assert pipe.read(5) == b"alive"
        os.kill(middle, signal.SIGKILL)
        os.waitpid(middle, 0)
        assert pipe.read() == b""  # the last holder of the other end is gone


def test_names_resolve_and_files_are_private(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> tuple[str, str, list[str], list[str]]:
        Path("/dev/shm/mine").write_text("scratch")
        interfaces = sorted(name for _, name in socket.if_nameindex())
        return (
            socket.gethostbyname("bob"),
            Path("/etc/resolv.conf").read_text(),
            interfaces,
            sorted(os.listdir("/dev/shm")),
        )

    before = set(os.listdir("/dev/shm"))
    (address, resolver, interfaces, scratch), _ = in_lab(story)
    assert address == BOB
    assert resolver == f"nameserver {BOB}\nsearch .\n"
    assert interfaces == ["lo", "wire0"]
    assert scratch == [".etc", "mine"]
    assert "mine" not in set(os.listdir("/dev/shm")) - before


def test_nothing_reaches_the_machines_own_loopback(in_lab: InLab) -> None:
    outside = socket.create_server(("127.0.0.1", 0))
    port = outside.getsockname()[1]

    async def story(loop: ScenarioLoop) -> str:
        try:
            await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return "refused"
        return "connected"

    with outside:
        assert in_lab(story)[0] == "refused"


def test_the_kernel_does_not_chatter(in_lab: InLab) -> None:
    async def story(loop: ScenarioLoop) -> None:
        with loop.real_time():
            await asyncio.sleep(0.3)

    assert in_lab(story)[1].packets == []


_UNPRIVILEGED = """
import ctypes, os, sys
from testbed.net.namespace import SCRATCH, WayBack, enter
from testbed.errors import LabError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: as in a process started by this user
try:
    enter({"127.0.0.10": "alice", "fd00::10": "alice"}, "127.0.0.10")
except LabError as error:
    print(error); sys.exit(3)
print("entered")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="this test gives up root's privileges; elsewhere all tests run without")
def test_without_root_it_works_or_says_what_is_missing(project: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _UNPRIVILEGED], cwd=project, capture_output=True, text=True, timeout=HANG_S, check=False
    )
    if ended.returncode == 3:
        assert "/dev/net/tun cannot be opened (permission denied: /dev/net/tun)" in ended.stdout
        assert "chmod 666 /dev/net/tun" in ended.stdout
    else:
        assert ended.stdout == "entered\n", ended.stderr
