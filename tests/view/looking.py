"""A terminal of 80 by 24 that is no terminal: keys go in, lines come out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

pytest.importorskip("textual", reason="textual is not installed")

from textual.pilot import Pilot

from testbed.report.clock import Clock
from testbed.trace.analysis import Analysis
from testbed.view.app import ViewApp
from testbed.view.detail import Detail, Headline

Looker = Callable[["Looking"], Awaitable[None]]


class Looking:
    """What somebody sees who presses keys."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.app, self._pilot = pilot.app, pilot

    async def press(self, *keys: str) -> str:
        """The screen after some keys, when nothing is being looked for any more."""
        await self._pilot.press(*keys)
        return await self.screen()

    async def type(self, words: str) -> str:
        """The screen after a search."""
        return await self.press("slash", *(_KEYS.get(letter, letter) for letter in words), "enter")

    async def screen(self) -> str:
        """Its lines."""
        await self.app.workers.wait_for_complete()
        for _ in range(3):  # what was found is told, drawn, and told again to those who draw what follows from it
            await self._pilot.pause()
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    def whole(self, kind: type[Headline | Detail]) -> str:
        """All the text of a headline or a detail."""
        return str(self.app.screen.query_one(kind).content)


_KEYS = {" ": "space", "=": "equals_sign", ".": "full_stop", "@": "at", "[": "left_square_bracket"}


def look(pieces: Iterable[Analysis], looker: Looker, *, follows: bool = False, width: int = 80) -> None:
    """Show captures to somebody."""

    async def run() -> None:
        stop = (lambda: None) if follows else None
        app = ViewApp("some.pcapng", pieces, clock=Clock(utc=True), stop=stop)
        async with app.run_test(size=(width, 24)) as pilot:
            await looker(Looking(pilot))

    asyncio.run(run())
