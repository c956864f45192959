"""Whether anything is in flight, asked of this process's own sockets: quicker than the table of a whole machine's.

Both ends of every connection of a lab on the machine's loopback belong to its process.  Only sockets that are closed
already and still have something to send (orphans) do not; where the machine has any, the table is looked at after all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket

from testbed.net.kernel_timers import KernelTimers, LeadsOn
from testbed.net.namespace import libc

_LISTENING = 10
_STATE, _UNACKNOWLEDGED = 0, slice(24, 28)  # in struct tcp_info (linux/tcp.h); of a listening socket it is its backlog
_INFO_OCTETS = 32


class OwnTimers(KernelTimers):
    """Which sockets of this process wait for an acknowledgement."""

    def __init__(self) -> None:
        super().__init__(((socket.AF_INET, "tcp"),))
        self._info = ctypes.create_string_buffer(_INFO_OCTETS)
        self._sockstat = os.open("/proc/self/net/sockstat", os.O_RDONLY | os.O_CLOEXEC)

    def running(self, leads_on: LeadsOn) -> bool:
        """Whether a timer runs from which something will come."""
        if any(self._waits(int(number)) for number in os.listdir("/proc/self/fd")):
            return True
        return self._orphans() and super().running(leads_on)

    def close(self) -> None:
        """Close the files."""
        super().close()
        with contextlib.suppress(OSError):
            os.close(self._sockstat)

    def _waits(self, descriptor: int) -> bool:
        """Whether a descriptor is a TCP socket that has sent what is not acknowledged."""
        length = ctypes.c_uint32(_INFO_OCTETS)
        info = self._info
        if libc.getsockopt(descriptor, socket.IPPROTO_TCP, socket.TCP_INFO, info, ctypes.byref(length)) != 0:
            return False
        return info.raw[_STATE] != _LISTENING and any(info.raw[_UNACKNOWLEDGED])

    def _orphans(self) -> bool:
        """Whether the machine has sockets that no process has: ``TCP: inuse 4 orphan 0 tw 2 alloc 5 mem 1``."""
        words = os.pread(self._sockstat, 4_096, 0).partition(b"\nTCP:")[2].split()
        return words[words.index(b"orphan") + 1] != b"0" if b"orphan" in words else True
