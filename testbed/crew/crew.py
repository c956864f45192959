"""Who carries out many orders: several players at a time on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from typing import Never, Protocol, TypeVar, cast

from testbed.crew.player import Player
from testbed.crew.work import Order, Work

_LOOK_S = 0.2

DIED_TWICE = "the process that played it has died twice"
"""Why an order is not done whose players die."""

Wanted = TypeVar("Wanted", bound=Order)
R = TypeVar("R")


class Crew(Protocol):
    """Carries out what is ordered, many orders at a time."""

    def play(self, work: Work[Wanted, R], orders: Iterable[Wanted]) -> Iterator[R | None]:
        """Yield what comes of each order as it ends, in any order; None now and then, so that who asks may look around.

        Orders are taken one by one, whenever somebody is free: who yields no more ends it.
        """

    def dismiss(self) -> None:
        """Nobody does anything any more."""


class LocalCrew:
    """Players on this machine.  One that dies costs its order a second try."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._players: list[Player] = []
        self._work: Work[Never, object] | None = None

    @property
    def processes(self) -> list[int]:
        """The numbers of its players' processes."""
        return [player.process for player in self._players]

    def play(self, work: Work[Wanted, R], orders: Iterable[Wanted]) -> Iterator[R | None]:
        self._engage(work)
        waiting, again = iter(orders), list[Wanted]()
        busy: dict[Player, Wanted] = {}
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
                    yield cast(R, player.done())
                except (EOFError, OSError):
                    self._replace(player, work)
                    if order.number in tried:
                        yield work.not_done(order, DIED_TWICE)
                    else:
                        tried.add(order.number)
                        again.append(order)
            yield None

    def dismiss(self) -> None:
        for player in self._players:
            player.dismiss()
        self._players.clear()
        self._work = None

    def _engage(self, work: Work[Never, object]) -> None:
        if work is self._work:
            return
        self._work = work
        while len(self._players) < self._size:
            self._players.append(Player())
        for player in self._players:
            with contextlib.suppress(OSError):  # who is dead shows when asked what came of an order
                player.engage(work, work.keep)

    def _replace(self, dead: Player, work: Work[Never, object]) -> None:
        dead.dismiss()
        player = Player()
        self._players[self._players.index(dead)] = player
        player.engage(work, work.keep)
