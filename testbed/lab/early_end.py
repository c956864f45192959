"""The early end of a wait for programs of the user's: what is expected has happened.

Their time is real, so waiting is dear.  What is expected is judged as ever, from the trace, as far as it has come.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

from testbed.durations import SECOND
from testbed.errors import CaptureError
from testbed.expect import came_true
from testbed.expect.conservation import is_missing
from testbed.lab.context import LabContext
from testbed.lab.journal import LAB
from testbed.pcap.write import TraceWriter
from testbed.protocols import events
from testbed.trace.analysis import Analysis

POLL_S = 0.1
_PAUSES = 4  # times the processor time of a judgement, in which the lab's process is its hosts' own
_QUIET_S = 0.4  # so long no packet must have come, and longer where a fault makes hosts pause


class EarlyEnd:
    """Judges the trace so far, whenever the wire has come to rest after something new."""

    def __init__(self, lab: LabContext, trace: BinaryIO, writer: TraceWriter) -> None:
        self._lab = lab
        self._trace = trace
        self._writer = writer
        self._judged = -1
        self._not_before = 0.0
        self._quiet_s = _QUIET_S + max((fault.pause for fault in lab.scenario.faults), default=0) / SECOND

    def reached(self) -> bool:
        """Whether every expectation holds and every fault has done its work by now."""
        if self._lab.wire.quiet_s() < self._quiet_s or time.monotonic() < self._not_before:
            return False
        self._writer.flush()
        octets = os.fstat(self._trace.fileno()).st_size
        if octets == self._judged:
            return False
        self._judged = octets
        begun = time.thread_time()
        held = self._holds()
        self._not_before = time.monotonic() + _PAUSES * (time.thread_time() - begun)
        return held

    def mail_is_missing(self) -> bool:
        """Whether mail that was promised is nowhere, as far as the trace has come."""
        self._writer.flush()
        analysis = self._analysis()
        return analysis is not None and is_missing(analysis)

    def _holds(self) -> bool:
        analysis = self._analysis()
        if analysis is None:
            return False
        held = came_true(self._lab.scenario, analysis)
        if held:
            self._lab.journal.of(LAB)(events.CameTrue(), "everything that is expected has happened")
        return held

    def _analysis(self) -> Analysis | None:
        """The trace so far; None where it cannot be read."""
        from testbed.trace.inspect import inspect

        try:
            return inspect(Path(f"/proc/self/fd/{self._trace.fileno()}"))
        except CaptureError:
            return None
