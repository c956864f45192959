"""The watchdog: it tells who keeps the loop from others, and of nobody else."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Coroutine

import pytest

from testbed.durations import SECOND
from testbed.net.watchdog import HELD_NS, HeldTurn, Runaway, watch

_MOMENT_NS = 1_000_000


def burn(ns: int) -> None:
    """Work for so long; a machine that stands still meanwhile, as virtual ones do, adds no more than a moment."""
    last = time.thread_time_ns()
    while ns > 0:
        now = time.thread_time_ns()
        ns -= min(now - last, _MOMENT_NS)
        last = now


async def greedy() -> None:
    burn(4 * HELD_NS)


async def polite() -> None:
    for _ in range(60):
        burn(HELD_NS // 10)
        await asyncio.sleep(0)


async def idle() -> None:
    await asyncio.sleep(4 * HELD_NS / SECOND)


async def collector() -> None:
    """Garbage is collected again and again, and each piece has a destructor of its own."""

    class Piece:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            burn(HELD_NS // 50)

    for _ in range(4):
        pieces = [Piece() for _ in range(50)]
        del pieces
        gc.collect()


async def reader_of_much() -> None:
    """One callback, registered once, that is called again and again."""
    there, here = os.pipe()
    os.write(here, b"x" * 60)
    done = asyncio.Event()

    def read() -> None:
        burn(HELD_NS // 10)
        os.read(there, 1)
        count.append(1)
        if len(count) == 60:
            done.set()

    count: list[int] = []
    loop = asyncio.get_running_loop()
    loop.add_reader(there, read)
    await done.wait()
    loop.remove_reader(there)
    os.close(there)
    os.close(here)


def watched(work: Callable[[], Coroutine[object, object, None]], runaway_ns: int = 600 * SECOND) -> list[HeldTurn]:
    told: list[HeldTurn] = []

    async def run() -> None:
        with watch(asyncio.get_running_loop(), told.append, runaway_ns):
            await work()
            await asyncio.sleep(0)

    asyncio.run(run())
    return told


def test_who_holds_the_loop_is_named_once() -> None:
    (turn,) = watched(greedy)
    assert "burn" in turn.where
    assert turn.where.startswith(f"{__name__}.greedy:") or f" {__name__}.greedy:" in turn.where


@pytest.mark.parametrize("work", [polite, idle, reader_of_much, collector])
def test_who_lets_others_have_their_turn_is_not(work: Callable[[], Coroutine[object, object, None]]) -> None:
    assert watched(work) == []


def test_what_would_never_let_go_is_ended() -> None:
    async def for_ever() -> None:
        while True:
            pass

    with pytest.raises(Runaway, match=r"for_ever"):
        watched(for_ever, 2 * HELD_NS)
