"""The early end of a wait for programs of the user's: what is expected has happened.

Where their time is real, waiting is dear; so it is where one of them looks around all the time, and the clock has no
hours to jump over.  What is expected is judged as ever, from the trace, as far as it has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from testbed.durations import SECOND
from testbed.errors import CaptureError
from testbed.expect import came_true
from testbed.expect.conservation import is_missing, programs_owe
from testbed.lab.context import LabContext
from testbed.lab.journal import LAB
from testbed.lab.restless import Restlessness
from testbed.pcap.write import TraceWriter
from testbed.protocols import events
from testbed.trace.analysis import Analysis

POLL_S = 0.1
_JUMPS = 500  # in which a restless program takes the clock no further than so many seconds
_PAUSES = 4  # times the processor time of a judgement, in which the lab's process is its hosts' own
_SETTLES_S = 1.0  # so long no packet must have come before promises are counted
_LONGEST_PAUSE_S = 600.0  # between two looks at the wire
_RESTLESS_S = 10.0  # of real time, in which programs have had thousands of looks
_COPIES_S = 4_200.0  # the longest interval between two tries that is usual, and some more
_SETTLES_UNSEEN_S = 21_600.0  # and again after so long, where mail may have been settled without one
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

    async def reached_by_the_restless(self, seconds: float, may_end: Callable[[], bool]) -> None:
        """Let scenario time pass, less where programs are restless, everything has happened, and it ``may_end``."""
        loop, over = self._lab.loop, asyncio.Event()
        jumps, since = 0, loop.time()

        def look() -> None:
            nonlocal jumps, since
            jumps += 1
            if jumps % _JUMPS == 0:
                before, since = since, loop.time()
                if since - before < _JUMPS and may_end() and self.reached():
                    over.set()

        loop.before_jump.append(look)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)
        finally:
            loop.before_jump.remove(look)

    async def settled(self, seconds: float, next_due_s: Callable[[], float | None]) -> None:
        """Let scenario time pass until no program owes mail, and none of the lab's own hosts; so long at most.

        It is asked when packets have come, and the wire is quiet again; and now and then, as mail may be settled
        without a packet.  Where programs play, it waits for copies, too.  Who explores, and expects nothing, does not
        wait for days of the restless.
        """
        with contextlib.closing(Restlessness(self._lab.loop)) as restlessness:
            await self._settled(self._lab.loop.time() + seconds, next_due_s, restlessness)

    async def _settled(self, until: float, next_due_s: Callable[[], float | None], restlessness: Restlessness) -> None:
        loop, explored = self._lab.loop, self._lab.scenario.expects_nothing
        pause, judged_s, goes_on_s = _SETTLES_S, -math.inf, 0.0
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(max(pause, goes_on_s - loop.time()), left))
            quiet_s, since_s = self._lab.wire.quiet_s(), loop.time() - judged_s
            if explored and quiet_s >= _SETTLES_S and restlessness.has_cost(_RESTLESS_S):
                self._lab.journal.of(LAB)(events.Restless(), "programs look around all the time: enough was waited")
                return
            if quiet_s >= since_s and since_s < _SETTLES_UNSEEN_S:
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            pause = _SETTLES_S
            if quiet_s >= _SETTLES_S:
                judged_s = loop.time()
                due_s = next_due_s()
                if due_s is None and not self._programs_owe():
                    if self._lab.scenario.has_programs:
                        await self._watched_for_copies(until, restlessness)
                    return
                if due_s is not None and not self._lab.scenario.has_programs:
                    goes_on_s = loop.time() + due_s  # nothing happens until then

    async def _watched_for_copies(self, until: float, restlessness: Restlessness) -> None:
        """Wait for what a program may send again although it has no more to send, at its next try; not at any price."""
        loop = self._lab.loop
        until = min(until, loop.time() + _COPIES_S)
        while (left := until - loop.time()) > 0 and not restlessness.has_cost(0.0):
            await asyncio.sleep(min(_LONGEST_PAUSE_S, left))

    def _programs_owe(self) -> bool:
        """Whether a program does, as far as the trace can be read, which takes the longer the longer it is."""
        if not self._lab.scenario.has_programs:
            return False
        analysis = self._analysis()
        return analysis is None or programs_owe(analysis)

    def mail_is_missing(self) -> bool:
        """Whether mail that was promised is nowhere, as far as the trace has come."""
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

        self._writer.flush()
        try:
            return inspect(Path(f"/proc/self/fd/{self._trace.fileno()}"))
        except CaptureError:
            return None
