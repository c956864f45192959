"""Runs a coroutine inside a lab's network, in a child of its own, and brings its result back."""

from __future__ import annotations

import asyncio
import os
import pickle
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from testbed.net.clock import ScenarioLoop
from testbed.net.faults import PacketFault
from testbed.net.namespace import enter
from testbed.net.packet import look
from testbed.net.wire import Wire

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


def run_in_lab(story: Story, faults: Sequence[PacketFault] = ()) -> tuple[Any, Recorded]:
    """The story's result and the packets, from a forked child."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            answer = pickle.dumps(_live(story, faults))
        except BaseException:
            answer = pickle.dumps(traceback.format_exc())
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    if isinstance(answer, str):
        pytest.fail(answer)
    return answer


def _live(story: Story, faults: Sequence[PacketFault]) -> tuple[Any, Recorded]:
    network = enter(NAMES, BOB)
    loop = ScenarioLoop()
    asyncio.set_event_loop(loop)
    recorded = Recorded()
    wire = Wire(network.wire, loop, recorded, list(NAMES), faults)
    result = loop.run_until_complete(story(loop))
    wire.close()
    return result, recorded


@pytest.fixture
def in_lab() -> InLab:
    return run_in_lab
