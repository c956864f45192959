"""The program on the screen: what comes in is shown, until somebody quits."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable

from textual.app import App
from textual.binding import Binding
from textual.worker import get_current_worker

from testbed.errors import TestbedError
from testbed.interruption import SIGNALS
from testbed.report.clock import LOCAL, Clock
from testbed.trace.analysis import Analysis
from testbed.view.list_screen import ListScreen

_MOST_KEPT = 256 << 20  # octets of packets of what is followed live


class ViewApp(App[None]):
    """``pieces`` come in as they are known; ``stop`` ends them, None where they are there already.

    ``signalled`` is the signal that ended it, 0 for none.
    """

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "quit", "Quit", show=False, priority=True)]  # noqa: RUF012 - so textual declares it

    def __init__(
        self, name: str, pieces: Iterable[Analysis], *, clock: Clock = LOCAL, stop: Callable[[], None] | None = None
    ) -> None:
        # Textual's own way without colours are shades of grey; the terminal's two colours are none (no-color.org).
        super().__init__(ansi_color=bool(os.environ.get("NO_COLOR")))
        self._pieces, self._stop = pieces, stop
        self._connections = ListScreen(name, clock, follows=stop is not None)
        self._kept: list[Analysis] = []
        self._forgotten = 0
        self.signalled = 0

    async def on_mount(self) -> None:
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):  # not in the main thread
            for number in SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self._end, number)
        await self.push_screen(self._connections)
        if self._stop is None:
            for piece in self._pieces:
                self._connections.add(piece)
        else:
            self.run_worker(self._follow, thread=True, group="following")

    async def action_quit(self) -> None:
        if self._stop is not None:
            self._stop()
        self.exit()

    def _end(self, number: int) -> None:
        self.signalled = number
        if self._stop is not None:
            self._stop()
        self.exit()

    def _follow(self) -> None:
        """In a thread of its own, for it waits."""
        worker = get_current_worker()
        try:
            for piece in self._pieces:
                if worker.is_cancelled:
                    return
                self.call_from_thread(self._add, piece)
            self.call_from_thread(self._connections.say, "the capture has ended")
        except TestbedError as error:
            self.call_from_thread(self._connections.say, f"the capture has ended: {error}")

    def _add(self, piece: Analysis) -> None:
        if not piece.connections.numbers:
            return
        self._connections.add(piece)
        self._kept.append(piece)
        while len(self._kept) > 1 and sum(one.capture.data.nbytes for one in self._kept) > _MOST_KEPT:
            oldest = self._kept.pop(0)
            self._connections.forget(oldest)
            self._forgotten += len(oldest.connections)
            self._connections.say(f"{self._forgotten:,} older ones are kept no longer")
