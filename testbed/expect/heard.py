"""Which replies reached the client they were for: a server may say what nobody hears."""

from __future__ import annotations

from testbed.protocols.tcp import ACK, RST
from testbed.trace.analysis import Analysis
from testbed.trace.flows import CLIENT
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Reply


class Hearing:
    """Which replies the client of a connection has heard: those its TCP has acknowledged, otherwise than by a RST."""

    def __init__(self, analysis: Analysis, connection: Connection) -> None:
        understanding = analysis.understanding
        self._flow = understanding.flows[understanding.index(connection.number)]
        self._place = {frame: at for at, frame in enumerate(self._flow.frame)}
        self._known: dict[int, bool] = {}  # many recipients share the reply to their message

    def heard(self, reply: Reply) -> bool:
        """Whether it has heard a reply; yes where the connection does not tell."""
        last = reply.frames[-1] if reply.frames else 0
        if last not in self._known:
            self._known[last] = last not in self._place or self._acknowledged(self._place[last])
        return self._known[last]

    def _acknowledged(self, at: int) -> bool:
        flow = self._flow
        end = flow.sequence[at] + flow.length[at]
        return any(
            flow.side[later] == CLIENT
            and flow.flags[later] & ACK
            and not flow.flags[later] & RST
            and (flow.acknowledgement[later] - end) & 0xFFFFFFFF < 1 << 31
            for later in range(at + 1, len(flow.frame))
        )
