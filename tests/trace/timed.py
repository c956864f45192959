"""Small captures in which time passes between packets."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from itertools import accumulate
from typing import Self

import numpy as np
from talk import Talk

from testbed.pcap.read import parse_capture
from testbed.pcap.write import TraceWriter
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse

_START, _STEP = 1_700_000_000 * 10**9, 1_000_000


@dataclass
class TimedTalk(Talk):
    """A talk with pauses: packets follow each other at once, unless somebody waits."""

    waits: dict[int, float] = field(default_factory=dict)  # seconds, by the number of packets before

    def wait(self, seconds: float) -> Self:
        """Nothing happens for so long."""
        self.waits[len(self.packets)] = self.waits.get(len(self.packets), 0) + seconds
        return self

    @property
    def times(self) -> list[int]:
        """When each packet came."""
        steps = (_STEP + round(self.waits.get(place, 0) * 10**9) for place in range(len(self.packets)))
        return [_START + waited for waited in accumulate(steps)]


def watch_timed(*talks: TimedTalk) -> Analysis:
    """What the inspector understands of them, one after the other."""
    file = BytesIO()
    writer = TraceWriter(file, application="tests")
    begun = 0
    for talk in talks:
        for time, packet in zip(talk.times, talk.packets, strict=True):
            writer.packet(begun + time, bytes(packet))
        begun += talk.times[-1] - _START
    return analyse(parse_capture(np.frombuffer(file.getvalue(), np.uint8)))
