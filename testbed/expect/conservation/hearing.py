"""Which replies reached a client that could note them (RFC 1047 is about those that did not)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf

from testbed.durations import MINUTE
from testbed.protocols import events
from testbed.protocols.tcp import ACK, FIN, RST
from testbed.trace.analysis import Analysis
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Command, Exchange, Reply
from testbed.trace.model.log import of

LONGEST_NS = 10 * MINUTE  # a client need not wait longer for any reply (RFC 5321 §4.5.3.2)
DYING_NS = 1_000_000_000  # so long before it crashes, a client may have heard a reply and not have noted it


class Hearing:
    """What the client of a connection has heard: what its TCP acknowledged while it lived, otherwise than by a RST.

    Behind what is no reply nobody need listen, unless he has gone on: it was all that he was told, and he said more.
    Nor need anybody listen for longer than ten minutes: TCP acknowledges for a program, too, that has given up and not
    closed its socket yet, and only what this says afterwards shows that it was there.
    """

    def __init__(self, analysis: Analysis, connection: Connection) -> None:
        understanding = analysis.understanding
        self._flow = understanding.flows[understanding.index(connection.number)]
        self._place = {frame: at for at, frame in enumerate(self._flow.frame)}
        spoken = zip(self._flow.side, self._flow.flags, strict=True)
        ends = (at for at, (side, flags) in enumerate(spoken) if side == SERVER and flags & (FIN | RST))
        self._server_ended = next(ends, inf)
        self._acknowledged: dict[int, bool] = {}  # many recipients share the reply to their message
        self._garbled = next(_where_nobody_goes_on(connection.exchanges), None)
        said = [(one.command, one.replies) for one in connection.exchanges if one.command and one.command.frames]
        self._asked_ns = {reply.frames[-1]: one.time_ns for one, replies in said for reply in replies if reply.frames}
        self._last_said = max((command.frames[-1] for command, _ in said), default=0)
        self._died_ns = [
            entry.time_ns
            for entry in of(analysis.log, events.Crashed)
            if entry.host == connection.client.label and entry.time_ns >= connection.start_ns
        ]

    def heard(self, reply: Reply) -> bool:
        """Whether it has heard a reply, and could note it; yes where the connection does not tell."""
        last = reply.frames[-1] if reply.frames else 0
        if last not in self._acknowledged:
            self._acknowledged[last] = last not in self._place or self._acknowledges(self._place[last])
        deaf = self._garbled is not None and last > self._garbled
        return self._acknowledged[last] and not (deaf or self._has_given_up(reply, last) or self.died_by(reply.time_ns))

    def died_by(self, time_ns: int) -> bool:
        """Whether it has crashed since it connected, up to a moment after that time."""
        return any(died_ns <= time_ns + DYING_NS for died_ns in self._died_ns)

    def server_had_ended(self, command: Command) -> bool:
        """Whether the server had ended its side before the last octets of a command came."""
        return self._place.get(command.frames[-1] if command.frames else 0, 0) > self._server_ended

    def _has_given_up(self, reply: Reply, last: int) -> bool:
        """Whether the client may have stopped waiting: the reply was very late, and nothing was said after it."""
        return reply.time_ns - self._asked_ns.get(last, reply.time_ns) >= LONGEST_NS and last >= self._last_said

    def _acknowledges(self, at: int) -> bool:
        flow = self._flow
        end = flow.sequence[at] + flow.length[at]
        return any(
            flow.side[later] == CLIENT
            and flow.flags[later] & ACK
            and not flow.flags[later] & RST
            and (flow.acknowledgement[later] - end) & 0xFFFFFFFF < 1 << 31
            for later in range(at + 1, len(flow.frame))
        )


def _where_nobody_goes_on(exchanges: Sequence[Exchange]) -> Iterator[int]:
    """The frames of what is no reply, unless it stands alone for one, and its client has said something afterwards."""
    said = [one.command.frames[0] if one.command and one.command.frames else inf for one in exchanges]
    soonest = [*accumulate(reversed([*said[1:], inf]), min)][::-1]  # of those that follow each
    for exchange, goes_on in zip(exchanges, soonest, strict=True):
        for frame in (reply.frames[-1] for reply in exchange.replies if not reply.code and reply.frames):
            if len(exchange.replies) > 1 or goes_on == inf or goes_on < frame:
                yield frame
