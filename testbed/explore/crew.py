"""Who plays many runs: several players at a time on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from typing import Protocol

from testbed.explore.player import Engagement, Player
from testbed.explore.ran import Came, Order, Ran

_LOOK_S = 0.2


def died_twice(order: Order) -> Ran:
    """What came of an order whose players die."""
    return Ran(order.number, Came.NOT_OVER, error="the process that played it has died twice")


class Crew(Protocol):
    """Plays what is ordered, many at a time."""

    def engage(self, engagement: Engagement) -> None:
        """From now on, orders are about this."""

    def play(self, orders: Iterable[Order]) -> Iterator[Ran | None]:
        """Yield each run as it ends, in any order; None now and then, so that who asks may look around.

        Orders are taken one by one, whenever somebody is free: who yields no more ends it.
        """

    def dismiss(self) -> None:
        """Nobody plays any more."""


class LocalCrew:
    """Players on this machine.  One that dies costs its run a second try."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._players: list[Player] = []
        self._engagement: Engagement | None = None

    def engage(self, engagement: Engagement) -> None:
        self._engagement = engagement
        while len(self._players) < self._size:
            self._players.append(Player())
        for player in self._players:
            player.engage(engagement)

    @property
    def processes(self) -> list[int]:
        """The numbers of its players' processes."""
        return [player.process for player in self._players]

    def play(self, orders: Iterable[Order]) -> Iterator[Ran | None]:
        waiting, again = iter(orders), list[Order]()
        busy: dict[Player, Order] = {}
        tried: set[int] = set()
        while True:
            for player in self._players:
                order = None if player in busy else again.pop() if again else next(waiting, None)
                if order is not None:
                    busy[player] = order
                    with contextlib.suppress(OSError):  # its line tells below that it is dead
                        player.order(order)
            if not busy:
                return
            ready = wait([player.line for player in busy], _LOOK_S)
            for player in [player for player in busy if player.line in ready]:
                order = busy.pop(player)
                try:
                    yield player.ran()
                except (EOFError, OSError):
                    self._replace(player)
                    if order.number in tried:
                        yield died_twice(order)
                    else:
                        tried.add(order.number)
                        again.append(order)
            yield None

    def dismiss(self) -> None:
        for player in self._players:
            player.dismiss()
        self._players.clear()

    def _replace(self, dead: Player) -> None:
        dead.dismiss()
        player = Player()
        self._players[self._players.index(dead)] = player
        if self._engagement is not None:
            player.engage(self._engagement)
