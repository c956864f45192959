"""A process that carries out orders one after the other, for whoever started it.

It is started afresh and has no threads, for a lab begins with a fork; it ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Never, NoReturn, cast

from msgspec import Struct

from testbed.crew.work import Order, Work
from testbed.fresh_process import fresh_process

_PATIENCE_S = 5.0
_GARBAGE = 100_000  # new objects; runs make little


class _Engaged(Struct, frozen=True):
    """``folder`` is where files go that stay; ``home`` is the working directory of whoever ordered, if not its own."""

    work: Work[Never, object]
    folder: Path
    home: str


class Player:
    """Such a process, as it is seen from outside: orders go in, and what came of them comes out."""

    def __init__(self) -> None:
        own, its = socket.socketpair()
        with its:
            self._process = fresh_process("testbed.crew.player", its)
        self.line = Connection(own.detach())

    @property
    def process(self) -> int:
        """Its number."""
        return self._process.pid

    def engage(self, work: Work[Never, object], folder: Path, home: str = "") -> None:
        """From now on, orders are about this; files that stay go into ``folder``.

        Names of files are relative to ``home``, if there is such a folder.
        """
        self.line.send(_Engaged(work, folder, home))

    def order(self, order: Order) -> None:
        """Have something done; ``line`` becomes readable when it is over, or the player is dead."""
        self.line.send(order)

    def done(self) -> object:
        """Wait for what came of an order.  Raises EOFError or OSError when the player is dead."""
        return self.line.recv()

    def dismiss(self) -> None:
        """It ends, and what it was doing with it."""
        self.line.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)


def main(descriptor: int) -> NoReturn:
    """Carry out what is ordered until the other end is closed."""
    import gc

    from testbed.errors import TestbedError
    from testbed.interruption import Interruption
    from testbed.net.orphans import die_with_parent

    die_with_parent()
    line = Connection(descriptor)
    with (
        Interruption(heeds_ctrl_c=False) as interruption,
        contextlib.suppress(EOFError, OSError),
    ):
        work: Work[Order, object] | None = None
        folder = Path()
        while not interruption.number:
            said = line.recv()
            if isinstance(said, _Engaged):
                work, folder = cast(Work[Order, object], said.work), said.folder
                with contextlib.suppress(OSError):  # files that are not there are told of where they are wanted
                    os.chdir(said.home or ".")
                work.begin()
                gc.collect()
                gc.freeze()  # no lab looks through what all share, and so copies it
                gc.set_threshold(_GARBAGE)
            elif work is not None:
                order = cast(Order, said)
                try:
                    told = work.do(order, folder)
                except TestbedError as error:
                    told = work.not_done(order, str(error))
                line.send(told)
    os._exit(0)
