"""What is in flight in a network: which TCP sockets have a timer that runs, as the kernel's tables tell (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from socket import AF_INET, AF_INET6, inet_ntop

from msgspec import Struct

_RETRANSMIT, _PROBE = "01", "04"
_UNCONNECTED = ("06", "07", "0A")  # TIME_WAIT, CLOSE, LISTEN
_TIMERS = (b" 01:", b" 04:")
_ALL_READ = ":00000000"  # tx_queue:rx_queue
_PAGE, _ROW = 4096, 512  # the kernel hands out a page of rows at least while there are more, none of them as long


class Waiting(Struct, frozen=True):
    """A TCP socket with a timer that runs: its (address, port), its peer's, and whether it probes a closed window.

    ``reopens`` tells that its peer's program has read all there was: the answer to a probe will open the window.
    """

    local: tuple[str, int]
    remote: tuple[str, int]
    probes: bool
    reopens: bool = False


LeadsOn = Callable[[Waiting], bool]
"""Whether something will come of a socket's repeating what it sent."""


class KernelTimers:
    """Which of the namespace's TCP sockets wait for an acknowledgement, from tables in ``/proc/self/net``."""

    def __init__(self, tables: tuple[tuple[int, str], ...] = ((AF_INET, "tcp"), (AF_INET6, "tcp6"))) -> None:
        self._tables = tables
        self._files: list[int] = []
        self._networks: list[_Network] = []

    def running(self, leads_on: LeadsOn) -> bool:
        """Whether a timer runs from which something will come, apart from what waits to be carried."""
        if not self._files:
            own = []
            for family, name in self._tables:
                with contextlib.suppress(FileNotFoundError):
                    own.append((family, self._open(name)))
            self._networks.insert(0, _Network(own, self._open("dev")))
        return any(leads_on(waiting) for network in self._networks for waiting in network.waiting())

    def watch(self, tables: Iterable[tuple[int, int]], counters: int) -> None:
        """Look into another network as well: by the family and descriptor of its tables, and its devices' counters.

        They are closed by whoever has opened them.
        """
        self._networks.append(_Network(list(tables), counters))

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file)
        self._files.clear()

    def _open(self, name: str) -> int:
        self._files.append(os.open(f"/proc/self/net/{name}", os.O_RDONLY | os.O_CLOEXEC))
        return self._files[-1]


class _Network:
    """The sockets of one network.

    Its tables are long in the making.  So they are not asked again where they showed nobody but listeners, and none of
    the network's devices has carried a packet since: whoever has anything in flight has sent something.
    """

    def __init__(self, tables: Sequence[tuple[int, int]], counters: int) -> None:
        self._tables = tables
        self._counters = counters
        self._idle_at = b""

    def waiting(self) -> list[Waiting]:
        """The sockets whose timer runs."""
        counted = _table(self._counters)
        if counted and counted == self._idle_at:
            return []
        tables = [(family, _table(file)) for family, file in self._tables]
        self._idle_at = counted if all(_is_idle(table) for _, table in tables) else b""
        return [waiting for family, table in tables for waiting in _waiting(family, table)]


def _is_idle(table: bytes) -> bool:
    """Whether a table has no socket that is connected, or about to be."""
    return all(row[3] in _UNCONNECTED for row in _rows(table))


def _waiting(family: int, table: bytes) -> Iterator[Waiting]:
    if not any(timer in table for timer in _TIMERS):  # as nearly always
        return
    rows = list(_rows(table))
    for row in rows:
        if row[5].startswith((_RETRANSMIT, _PROBE)):
            probes = row[5].startswith(_PROBE)
            reopens = probes and any(
                (other[1], other[2]) == (row[2], row[1]) and other[4].endswith(_ALL_READ) for other in rows
            )
            yield Waiting(socket_address(family, row[1]), socket_address(family, row[2]), probes, reopens)


def socket_rows(file: int) -> Iterator[list[str]]:
    """The fields of each line of a table like ``/proc/self/net/tcp``, by its descriptor."""
    return _rows(_table(file))


def _table(file: int) -> bytes:
    parts, offset, fills_a_page = [], 0, True
    while fills_a_page and (part := os.pread(file, 65536, offset)):
        parts.append(part)
        offset += len(part)
        fills_a_page = len(part) > _PAGE - _ROW
    return b"".join(parts)


def _rows(table: bytes) -> Iterator[list[str]]:
    for line in table.decode("ascii").splitlines()[1:]:
        yield line.split()


def socket_address(family: int, field: str) -> tuple[str, int]:
    """``1E00007F:0019`` is 127.0.0.30 port 25: 32-bit words in the machine's byte order."""
    address, _, port = field.partition(":")
    words = bytes.fromhex(address)
    packed = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
    return inet_ntop(family, packed), int(port, 16)
