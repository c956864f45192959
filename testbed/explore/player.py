"""A process that plays runs one after the other, for whoever started it.

It is started afresh and has no threads, for a lab begins with a fork; it ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from testbed.explore.first_run import Explored
from testbed.explore.ran import Order, Ran
from testbed.fresh_process import fresh_process

_PATIENCE_S = 5.0
_GARBAGE = 100_000  # new objects; runs make little


@dataclass(frozen=True, slots=True)
class Engagement:
    """What a player needs to know before the first order.

    ``keep`` is the folder of the traces that stay, ``oracles`` are the names of a team's own.
    """

    explored: Explored
    keep: Path
    time_limit_s: float
    oracles: tuple[str, ...] = ()


class Player:
    """Such a process, as it is seen from outside: orders go in, and what came of them comes out."""

    def __init__(self) -> None:
        own, its = socket.socketpair()
        with its:
            self._process = fresh_process("testbed.explore.player", its)
        self.line = Connection(own.detach())

    @property
    def process(self) -> int:
        """Its number."""
        return self._process.pid

    def engage(self, engagement: Engagement) -> None:
        """From now on, orders are about this."""
        self.line.send(engagement)

    def order(self, order: Order) -> None:
        """Have something played; ``line`` becomes readable when it is over, or the player is dead."""
        self.line.send(order)

    def ran(self) -> Ran:
        """What came of the order.  Raises EOFError or OSError when the player is dead."""
        ran = self.line.recv()
        assert isinstance(ran, Ran)
        return ran

    def dismiss(self) -> None:
        """It ends, and the lab that it plays with it."""
        self.line.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)


def main(descriptor: int) -> NoReturn:
    """Play what is ordered until the other end is closed."""
    import gc

    from testbed.explore.play import play
    from testbed.interruption import Interruption
    from testbed.lab import preload
    from testbed.net import forge
    from testbed.net.orphans import die_with_parent

    die_with_parent()
    line = Connection(descriptor)
    with (
        Interruption(heeds_ctrl_c=False) as interruption,
        contextlib.suppress(EOFError, OSError),
    ):
        engagement: Engagement | None = None
        while not interruption.number:
            match line.recv():
                case Engagement() as engagement:
                    preload([engagement.explored.scenario])
                    if engagement.explored.candidates:  # some of them
                        forge.preload()
                    gc.collect()
                    gc.freeze()  # no lab looks through what all share, and so copies it
                    gc.set_threshold(_GARBAGE)
                case Order() as order if engagement is not None:
                    asked = engagement.explored, order, engagement.keep, engagement.time_limit_s, engagement.oracles
                    line.send(play(*asked))
    os._exit(0)
