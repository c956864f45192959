"""A network namespace of a program's own in the lab, at the other end of the wire (network_namespaces(7)).

A program may bind any address or none, as on a machine of its own: it speaks from its host's address, 127.0.0.1 is
itself, and whatever it sends to anybody else comes to the lab's wire by a TUN device of the namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from types import FrameType
from typing import NoReturn

from testbed.errors import LabError
from testbed.net.clock import socket_address, socket_rows
from testbed.net.namespace import lay_wire, libc
from testbed.net.orphans import die_with_parent
from testbed.net.programs import on_host

_CLONE_NEWNET, _CLONE_NEWPID, _CLONE_NEWNS = 0x40000000, 0x20000000, 0x00020000
_LISTENING, _BOUND = "0A", "07"  # of TCP and of UDP sockets
_TABLES = (
    ("tcp", socket.AF_INET, _LISTENING),
    ("tcp", socket.AF_INET6, _LISTENING),
    ("udp", socket.AF_INET, _BOUND),
    ("udp", socket.AF_INET6, _BOUND),
)
_SIGNALLED = 128

Place = tuple[str, str, int]
"""A transport, an address and a port."""


@dataclass(frozen=True, slots=True)
class ProgramNamespace:
    """``wire`` is its TUN device's descriptor, ``network`` that of its network, ``tables`` those of its sockets."""

    addresses: tuple[str, ...]
    wire: int
    network: int
    tables: tuple[int, ...]

    def listeners(self) -> list[Place]:
        """Where somebody listens in it, without a packet to find out."""
        found: list[Place] = []
        for (transport, family, state), table in zip(_TABLES, self.tables, strict=True):
            found += [(transport, *socket_address(family, row[1])) for row in socket_rows(table) if row[3] == state]
        return found

    def enter(self, host: str) -> None:
        """Move this process, about to become another program, into the namespace; it dies with its parent."""
        _check(libc.setns(self.network, _CLONE_NEWNET))
        on_host(host)

    def start(
        self, host: str, command: Sequence[str], environment: Mapping[str, str], folder: str | None, output: int
    ) -> subprocess.Popen[bytes]:
        """Start a program in it, with process numbers of its own: whatever it starts dies with it, and with the lab.

        The process that is given keeps the program: it hands on SIGTERM, ends with the program's status (128 and the
        signal's number for one that was killed), and by then nothing of it is left.  :data:`KILL` tells it to kill.
        Raises OSError when the program cannot be started.
        """

        def prepare() -> None:
            self.enter(host)
            _check(libc.unshare(_CLONE_NEWPID | _CLONE_NEWNS))  # of the next process (pid_namespaces(7))
            first = os.fork()
            if first:
                _keep(first)
            die_with_parent()
            libc.mount(b"proc", b"/proc", b"proc", 0, None)  # where that is forbidden, it sees no processes
            program = os.fork()
            if program:
                _keep(program)
            os.setsid()

        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=prepare,
        )


def create_namespace(addresses: Sequence[str], rto_min_ms: int) -> ProgramNamespace:
    """Make a namespace for a host with these addresses, as patient as the lab's own.  Raises LabError."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(libc.unshare(_CLONE_NEWNET))
        try:
            wire = lay_wire([ip_address(address) for address in addresses], rto_min_ms, alone=True)
            network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            names = [transport + ("6" if family == socket.AF_INET6 else "") for transport, family, _ in _TABLES]
            tables = tuple(os.open(f"/proc/self/net/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names)
        finally:
            _check(libc.setns(own, _CLONE_NEWNET))
    finally:
        os.close(own)
    return ProgramNamespace(tuple(addresses), wire, network, tables)


KILL = signal.SIGUSR1


def _keep(child: int) -> NoReturn:
    """The life of a program's keepers: one outside its process numbers, and the first inside.

    When the first ends, the kernel kills all others of these numbers; only then does its parent hear of it.
    """
    signal.set_wakeup_fd(-1)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))

    def hand_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL if number == KILL else number)

    for number in (signal.SIGTERM, signal.SIGHUP, KILL):
        signal.signal(number, hand_on)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else _SIGNALLED - code)


def _check(result: int) -> None:
    if result != 0:
        reason = os.strerror(ctypes.get_errno()).lower()
        raise LabError(f"the kernel gives a program no namespaces of its own ({reason})", "run 'testbed doctor'")
