"""The lab's log: what hosts, wire and lab itself write into the trace between the packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from testbed.hosts.site import Log
from testbed.net.clock import ScenarioLoop
from testbed.pcap.write import TraceWriter
from testbed.protocols.events import Fault, LogEvent

LAB = "lab"
Listener = Callable[[str, LogEvent, str], None]
"""Hears who logs what, and in which words."""


_LATEST = 1_000  # lines that are kept at hand


class LogLine(Struct, frozen=True):
    """A line of the log: its number, from 1, nanoseconds since everybody was there, who says it, and in which words."""

    number: int
    at_ns: int
    host: str
    event: str
    message: str


class DescribedFault(Protocol):
    """A fault, as far as logging it goes."""

    @property
    def line(self) -> int:
        """Its line in the scenario."""

    def describe(self) -> str:
        """One line in words."""


class Journal:
    """Writes entries with scenario time and, beside it, real time; ``latest`` are the last of them."""

    def __init__(self, writer: TraceWriter, loop: ScenarioLoop) -> None:
        self._writer = writer
        self._loop = loop
        self._listens: Listener = lambda host, event, message: None
        self._count = 0
        self.latest: deque[LogLine] = deque(maxlen=_LATEST)

    def overhear(self, listens: Listener) -> None:
        """Have this hear of every entry from now on; it may not block."""
        self._listens = listens

    def of(self, host: str) -> Log:
        """What writes in the name of a host."""

        def log(event: LogEvent, message: str) -> None:
            values = event.fields() | {"real_ms": f"{self._loop.real_elapsed_ns() / 1e6:.1f}"}
            self._loop.catch_up()
            self._writer.log(self._loop.now_ns(), host, event.word, message, values)
            self._count += 1
            self.latest.append(LogLine(self._count, self._loop.since_begin_ns(), host, event.word, message))
            self._listens(host, event, message)

        return log

    def fault(self, host: str, fault: DescribedFault, vain: str = "", said: str = "") -> None:
        """A fault has struck at a host; ``vain`` says why it changed nothing, ``said`` what a program seems to say."""
        self.of(host)(Fault(line=fault.line, vain=vain, said=said), fault.describe())
