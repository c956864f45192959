"""How long a lab waits for programs of the user's: no longer than until what is expected has happened.

Their time is real, so waiting is dear.  What is expected is judged as ever, from the trace, as far as it has come.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from testbed.errors import CaptureError
from testbed.expect import judge
from testbed.lab.journal import LAB, Journal
from testbed.pcap.write import TraceWriter
from testbed.protocols.events import Event
from testbed.scenario.scenario import Scenario

LOOK_S = 0.1
_QUIET_S = 0.4  # so long no packet must have come


class Patience:
    """Judges the trace so far, whenever the wire has come to rest after something new."""

    def __init__(
        self,
        scenario: Scenario,
        trace: BinaryIO,
        writer: TraceWriter,
        quiet_s: Callable[[], float],
        journal: Journal,
    ) -> None:
        self._scenario = scenario
        self._trace = trace
        self._writer = writer
        self._quiet_s = quiet_s
        self._journal = journal
        self._judged = -1

    def fulfilled(self) -> bool:
        """Whether every expectation holds and every fault has done its work by now."""
        if self._quiet_s() < _QUIET_S:
            return False
        self._writer.flush()
        octets = os.fstat(self._trace.fileno()).st_size
        if octets == self._judged:
            return False
        self._judged = octets
        return self._holds()

    def _holds(self) -> bool:
        from testbed.trace.inspect import inspect

        try:
            judgement = judge(self._scenario, inspect(Path(f"/proc/self/fd/{self._trace.fileno()}")))
        except CaptureError:
            return False
        *always, _ = judgement.always  # not the conservation of mail, some of which may be under way
        held = all(verdict.held for verdict in (*judgement.expectations, *always))
        if held:
            self._journal.of(LAB)(Event.CAME_TRUE, "everything that is expected has happened")
        return held
