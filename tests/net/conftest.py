"""Runs a coroutine inside a lab's network, in a child of its own, and brings its result back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from testbed.net import forge
from testbed.net.clock import ScenarioLoop
from testbed.net.faults import PacketFault
from testbed.net.namespace import enter
from testbed.net.packet import look
from testbed.net.wire import Wire
from tests.patience import HANG_S

from .children import Overdue, in_child

ALICE, BOB, ALICE6, BOB6 = "127.0.0.10", "127.0.0.20", "fd00::10", "fd00::20"
NAMES = {ALICE: "alice", BOB: "bob", ALICE6: "alice", BOB6: "bob"}


@dataclass
class Recorded:
    """What the wire recorded: (time_ns, kind, source, destination, lost, comment) of each packet."""

    packets: list[tuple[int, str, str, str, bool, str]] = field(default_factory=list)

    def packet(self, time_ns: int, data: bytes, *, lost: bool = False, comment: str = "") -> int:
        packet = look(data)
        self.packets.append((time_ns, str(packet.kind), packet.source, packet.destination, lost, comment))
        return len(self.packets)

    def kinds(self, source: str = "", *, lost: bool | None = None) -> list[str]:
        return [p[1] for p in self.packets if source in ("", p[2]) and lost in (None, p[4])]


Story = Callable[[ScenarioLoop], Awaitable[Any]]
InLab = Callable[..., tuple[Any, Recorded]]


def run_in_lab(story: Story, faults: Sequence[PacketFault] = (), limit_s: float = HANG_S) -> tuple[Any, Recorded]:
    """The story's result and the packets, from a forked child."""
    forge.preload()  # half a second that a child would have to answer in
    result: tuple[Any, Recorded] = in_child(lambda: _live(story, faults), limit_s)
    return result


def _live(story: Story, faults: Sequence[PacketFault]) -> tuple[Any, Recorded]:
    network = enter(NAMES, BOB)
    loop = ScenarioLoop()
    asyncio.set_event_loop(loop)
    recorded = Recorded()
    wire = Wire(network.wire, loop, recorded, list(NAMES), faults)
    try:
        result = loop.run_until_complete(story(loop))
    except Overdue as overdue:
        raise Overdue(f"{overdue}; {_where(loop)}; the wire carried {recorded.kinds()}") from None
    wire.close()
    return result, recorded


def _where(loop: ScenarioLoop) -> str:
    """Where each task waits."""
    lines = [
        f"{task.get_name()} waits in {frame.f_code.co_name}, line {frame.f_lineno}"
        for task in asyncio.all_tasks(loop)
        for frame in task.get_stack(limit=1)
    ]
    return ", ".join(sorted(lines)) or "no task waits"


@pytest.fixture
def in_lab() -> InLab:
    return run_in_lab
