"""A lab held open for a program that has things done in it."""

from __future__ import annotations

import asyncio
import contextlib
from multiprocessing.connection import Connection
from pathlib import Path

from testbed.errors import LabError, StepError
from testbed.keeper.orders import Admit, Asked, Follow, LiftFault, Look, Play, SetFault, Settle, ShowTrace
from testbed.lab.hold_open import OpenLab
from testbed.lab.look import LabLook
from testbed.net.entry import Entry
from testbed.serving import Serving


class Guide:
    """Forwards ports, as ``testbed serve`` does, and does what it is asked, one thing at a time.

    The answer to each is ``""``, or why it could not be done, unless the order says what it is.
    """

    def __init__(self, serving: Serving, line: Connection) -> None:
        self._serving = serving
        self._line = line
        self._task: asyncio.Task[None] | None = None

    @property
    def plays_steps(self) -> bool:
        """Whether the scenario's steps are played first."""
        return self._serving.plays_steps

    async def hold(self, lab: OpenLab) -> None:
        """Forward and obey until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._line.fileno(), self._hear, lab, loop)
        try:
            await self._serving.hold(lab)
        finally:
            loop.remove_reader(self._line.fileno())
            if self._task is not None:
                self._task.cancel()

    def _hear(self, lab: OpenLab, loop: asyncio.AbstractEventLoop) -> None:
        try:
            order = self._line.recv()
        except (EOFError, OSError):
            loop.remove_reader(self._line.fileno())
            return
        self._task = loop.create_task(self._obey(lab, order))
        self._task.add_done_callback(_raise)

    async def _obey(self, lab: OpenLab, order: Asked) -> None:
        answer: Entry | LabLook | tuple[Path, int] | int | str = ""
        try:
            match order:
                case Play(step):
                    await lab.play(step)
                case Settle():
                    await lab.settle()
                case SetFault(fault, said):
                    answer = lab.faults.set(fault, said)
                case LiftFault(number):
                    lab.faults.lift(number)
                case Look(after):
                    answer = lab.look(after)
                case ShowTrace():
                    answer = lab.written()
                case Admit(host, on_clock):
                    answer = lab.guests.entry(host, on_clock=on_clock)
                case Follow(process, entry):
                    lab.guests.follow(process, entry)
        except (StepError, LabError) as error:
            answer = str(error)
        with contextlib.suppress(OSError):
            self._line.send(answer)


def _raise(task: asyncio.Task[None]) -> None:
    """Give what nobody expected to the loop's exception handler, which ends the lab."""
    if not task.cancelled():
        task.result()
