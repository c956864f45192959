"""Findings of a lab that is held open, as its connections end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from testbed.durations import SECOND
from testbed.errors import CaptureError
from testbed.pcap.read import read_capture
from testbed.trace.certain import certain
from testbed.trace.inspect import analyse
from testbed.trace.model.finding import Finding

_MOST_OCTETS = 32 << 20  # of a trace that is read again and again
_PAUSES = 20  # times what the last look took
_SHORTEST_PAUSE_S = 0.5
_MOST_AT_ONCE = 20  # connections that are told of at a time; of a flood, the others come in the next looks


class FoundSoFar:
    """Looks at a trace while it grows.  Each finding is told once."""

    def __init__(self) -> None:
        self._told: set[int] = set()  # connections, by number
        self._octets, self._grown_s = 0, 0.0
        self._not_before = 0.0

    def news(self, trace: Path) -> Iterator[Finding]:
        """What is certain by now, and was not told.  Of a long trace nothing is, until it is whole."""
        begun = time.monotonic()
        octets = trace.stat().st_size
        if octets != self._octets:
            self._octets, self._grown_s = octets, begun
        if begun < self._not_before or not 0 < octets <= _MOST_OCTETS:
            return
        try:
            # Connections with TLS wait for the end anyhow, so opening them would be in vain.
            analysis = analyse(replace(read_capture(trace), secrets=()))
        except CaptureError:  # it ends in the middle of its head
            return
        now_ns = analysis.end_ns + int((begun - self._grown_s) * SECOND)
        for connection in islice(certain(analysis, now_ns, self._told), _MOST_AT_ONCE):
            self._told.add(connection.number)
            yield from connection.findings
        self._not_before = time.monotonic() + max(_SHORTEST_PAUSE_S, _PAUSES * (time.monotonic() - begun))
