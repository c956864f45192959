"""Scenario time: an event loop whose clock jumps to the next timer when nothing is in flight.

The loop asks the kernel: as long as a TCP socket has its retransmission timer running (unacknowledged data, an
unanswered SYN or FIN), time passes as it does everywhere.  Sockets whose repetitions lead nowhere for now, because the
wire destroys them, are left out: waiting for the kernel to repeat them would show nothing.  A socket that probes a
window it was told is closed is left out too, unless the wire has closed it and will open it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Protocol

from testbed.durations import SECOND
from testbed.net.kernel_timers import KernelTimers, LeadsOn

_QUIET_S = 0.0002  # what the kernel may still be handing over arrives within this
_SLICE_S, _LONGEST_SLICE_S = 0.002, 0.016  # at first and at last; whatever comes to pass is heard of at once
_FIRST_S, _LAST_S = 0.0001, 0.01  # programs are looked at again after so long, at first and at last
_EPOLL_TICK_S = 0.001
_HELD_S = 0.05  # while time is held, only alarms of programs are looked for


NEVER = (1 << 63) - 1
"""The end of a wait that no time ends."""


class OtherClocks(Protocol):
    """Programs that live in scenario time, too.  Times are nanoseconds of the monotonic clock they are shown."""

    def rest(self) -> int | None:
        """When the first of them goes on by itself; None while one does something."""

    def shift(self, offset: int) -> None:
        """From now on their clocks are ``offset`` nanoseconds ahead of the machine's."""

    def ring(self) -> None:
        """Wake those whose alarm is due."""


class Hold:
    """Keeps a loop's time real, unless it is let go."""

    def __init__(self) -> None:
        self._let_go = 0

    @property
    def holds(self) -> bool:
        """Whether it does so now."""
        return self._let_go == 0

    @contextlib.contextmanager
    def let_go(self) -> Iterator[None]:
        """While this is entered, by one or by several, time jumps as far as it is up to this hold."""
        self._let_go += 1
        try:
            yield
        finally:
            self._let_go -= 1


class ScenarioLoop(asyncio.SelectorEventLoop):
    """``time()`` is scenario time in seconds since the start; all asyncio timers run on it.

    ``on_turn`` is called before what has happened is acted on, before time jumps, and by :meth:`catch_up`;
    ``before_jump`` are called when programs have come to rest.  ``programs`` are those that heed this clock.
    """

    def __init__(self, kernel: KernelTimers | None = None) -> None:
        self._started_ns = time.monotonic_ns()
        self._to_epoch_ns = time.time_ns() - self._started_ns
        self._jumped_ns = 0
        self.began_ns = 0
        self._holds: list[Hold] = []
        self._kernel = kernel or KernelTimers()
        self.leads_on: LeadsOn = lambda socket: not socket.probes or socket.reopens
        self.on_turn: Callable[[], None] = lambda: None
        self.before_jump: list[Callable[[], None]] = []
        self.programs: OtherClocks | None = None
        super().__init__(_JumpingSelector(self._rest, self.catch_up, lambda: self.programs is not None))

    def time(self) -> float:
        """Seconds of scenario time since the start."""
        return self.elapsed_ns() / SECOND

    def elapsed_ns(self) -> int:
        """Scenario time since the start, nanoseconds."""
        return time.monotonic_ns() - self._started_ns + self._jumped_ns

    def begin(self) -> None:
        """Tell that everybody is there.  Programs take a while to start, on a busy machine seconds."""
        self.began_ns = self.elapsed_ns()

    def since_begin_ns(self) -> int:
        """Scenario time since everybody was there, nanoseconds: that of the windows of faults."""
        return self.elapsed_ns() - self.began_ns

    def real_elapsed_ns(self) -> int:
        """Real time since the start, nanoseconds."""
        return time.monotonic_ns() - self._started_ns

    def now_ns(self) -> int:
        """Scenario time as a date: nanoseconds since the Unix epoch."""
        return time.monotonic_ns() + self._to_epoch_ns

    def date_ns(self, real_ns: int) -> int:
        """Scenario time for a date of the machine since the last jump, both in nanoseconds since the epoch."""
        return real_ns + self._jumped_ns

    def catch_up(self) -> None:
        """Let whoever watches the network see what has happened up to now."""
        self.on_turn()

    @contextlib.contextmanager
    def real_time(self) -> Iterator[Hold]:
        """While this is entered, time does not jump, unless the hold is let go."""
        hold = Hold()
        self._holds.append(hold)
        try:
            yield hold
        finally:
            self._holds.remove(hold)

    def watch_network(self, tables: Iterable[tuple[int, int]], counters: int) -> None:
        """Ask another network, too, what is in flight.

        By the families and descriptors of its tables of sockets, and the descriptor of its devices' counters.
        """
        self._kernel.watch(tables, counters)

    def close(self) -> None:
        """Close the loop."""
        self._kernel.close()
        super().close()

    def _rest(self, timeout: float, poll: Callable[[float], list[_Event]]) -> list[_Event]:
        """Sleep or jump for ``timeout`` seconds, or until something happens."""
        until = NEVER if timeout == inf else self.elapsed_ns() + round(timeout * SECOND)
        pause, longest = (_SLICE_S, _LONGEST_SLICE_S) if self.programs is None else (_FIRST_S, _LAST_S)
        while True:
            if not self._in_flight():  # asked before, too: what arrived last may be about to wake a program
                goal = self._goal(until)
                events = poll(0)
                if events:
                    return events
                if goal < NEVER and not self._in_flight():
                    if events := poll(0):  # what was sent meanwhile waits to be carried
                        return events
                    self._jump(max(0, goal - self.elapsed_ns()))
                    return []
            remaining = (until - self.elapsed_ns()) / SECOND
            if self._is_held():  # only what this loop hears can let it go
                pause = inf if self.programs is None else _HELD_S
            events = _wait(max(0.0, min(remaining, pause)), poll)
            pause = min(2 * pause, longest)
            if events or remaining <= 0:
                return events
            if self.programs is not None:
                self.programs.ring()

    def _goal(self, until: int) -> int:
        """Where to jump to, for a loop that sleeps ``until`` then; NEVER while there may be something to wait for."""
        if self.programs is None:
            time.sleep(_QUIET_S)
            return until
        end = self.programs.rest()
        return NEVER if end is None else min(until, max(end - self._started_ns, 0))

    def _jump(self, ns: int) -> None:
        for look in self.before_jump:
            look()
        self.catch_up()
        self._jumped_ns += ns
        self._to_epoch_ns += ns
        if self.programs is not None:
            self.programs.shift(self._jumped_ns)

    def _is_held(self) -> bool:
        return any(hold.holds for hold in self._holds)

    def _in_flight(self) -> bool:
        return self._is_held() or self._kernel.running(self.leads_on)


_Event = tuple[selectors.SelectorKey, int]


def _wait(seconds: float, poll: Callable[[float], list[_Event]]) -> list[_Event]:
    """Wait for events; epoll counts in whole milliseconds, which is long for a program that is done in less."""
    if seconds >= _EPOLL_TICK_S:
        return poll(seconds)
    time.sleep(seconds)
    return poll(0)


class _JumpingSelector(selectors.EpollSelector):
    def __init__(
        self,
        rest: Callable[[float, Callable[[float], list[_Event]]], list[_Event]],
        on_turn: Callable[[], None],
        clock_is_shared: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._clock_is_shared = clock_is_shared
        self._rest = rest
        self._on_turn = on_turn

    def select(self, timeout: float | None = None) -> list[_Event]:
        poll = super().select
        waits = timeout > 0 if timeout is not None else self._clock_is_shared()
        events = (poll(0) or self._rest(inf if timeout is None else timeout, poll)) if waits else poll(timeout)
        self._on_turn()
        return events
