"""Reports that a mail host sends of its own: what is collected from day to day, and how they begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, Protocol, TypeVar

from testbed.durations import SECOND
from testbed.hosts.site import Site
from testbed.tasks import HeldTasks

DAY_S = 86_400

Collected = TypeVar("Collected")


class Reporting(Protocol):
    """Something that sends reports; a host settles, stops and crashes with it."""

    async def settled(self) -> None:
        """Return when no report is being made; days that are not over do not count."""

    async def stop(self) -> None:
        """Send nothing more."""

    def crash(self) -> None:
        """Lose what was collected, at once."""


class ReportDays(Generic[Collected]):
    """What is collected on each day, and reported when it is over.

    Days are counted from the lab's begin; one on which nothing was collected has no report.  What is collected lies in
    memory: a crash loses it.
    """

    def __init__(
        self,
        site: Site,
        fresh: Callable[[], Collected],
        report: Callable[[int, Collected], Coroutine[object, object, None]],
    ) -> None:
        """``fresh`` makes what a day begins with; ``report`` gets its begin, in seconds since 1970, and all of it."""
        self._site = site
        self._fresh = fresh
        self._report = report
        self._days: dict[int, Collected] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._sending = HeldTasks()

    @property
    def today(self) -> Collected:
        """What is collected today."""
        day = self._site.since_begin_ns() // (DAY_S * SECOND)
        if day not in self._days:
            left = (day + 1) * DAY_S - self._site.since_begin_ns() / SECOND
            begin = int(self._site.now() + left) - DAY_S
            self._timers[day] = asyncio.get_running_loop().call_later(left, self._is_over, day, begin)
            self._days[day] = self._fresh()
        return self._days[day]

    def _is_over(self, day: int, begin: int) -> None:
        del self._timers[day]
        self._sending.start(self._report(begin, self._days.pop(day)))

    async def settled(self) -> None:
        """Return when no report is being made; days that are not over do not count."""
        await self._sending.settled()

    async def stop(self) -> None:
        """Send nothing more."""
        self._forget()
        await self._sending.stop()

    def crash(self) -> None:
        """Lose what was collected, at once."""
        self._forget()
        self._sending.cancel()

    def _forget(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
