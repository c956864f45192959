"""The three phases of a connection, and the step each of its packets is.

Two frames divide a connection:

- the *handshake* lasts up to the end of the protocol's own greeting: SMTP's banner and EHLO, and TLS where it is
  begun there; for a protocol that is not followed, up to TCP's third segment;
- the *closure* begins with the command that says goodbye (QUIT), a server's 421, or the first FIN or RST.

Everything between is *transfer*.  A datagram is transfer.
"""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct
from msgspec.structs import replace

from testbed.protocols.tcp import ACK, FIN, RST, SYN
from testbed.trace.flows import CLIENT, Flow
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.phase import Phase, PhaseSpan

_NEVER = 1 << 62


class Boundaries(Struct, frozen=True):
    """The last frame of the handshake and the first of the closure."""

    handshake_end: int
    closure_start: int

    def phase(self, frame: int) -> Phase:
        """The phase a frame belongs to."""
        if frame >= self.closure_start:
            return Phase.CLOSURE
        return Phase.HANDSHAKE if frame <= self.handshake_end else Phase.TRANSFER


def in_order(exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The exchanges, those in the transfer that begin something anew, as a second EHLO does, counted to it."""
    begun = next((place for place, e in enumerate(exchanges) if e.phase is not Phase.HANDSHAKE), len(exchanges))
    return exchanges[:begun] + tuple(
        replace(exchange, phase=Phase.TRANSFER) if exchange.phase is Phase.HANDSHAKE else exchange
        for exchange in exchanges[begun:]
    )


def boundaries(flow: Flow, exchanges: tuple[Exchange, ...]) -> Boundaries:
    """Divide a TCP flow."""
    handshake_end = _third_segment(flow)
    for exchange in exchanges:
        if exchange.phase is not Phase.HANDSHAKE:
            break
        handshake_end = max([handshake_end, *exchange.frames])
    goodbyes = [frame for e in exchanges if e.phase is Phase.CLOSURE for frame in e.frames[:1]]
    ends = [f for f, flags in zip(flow.frame, flow.flags, strict=True) if flags & (FIN | RST)]
    return Boundaries(handshake_end, min([_NEVER, *goodbyes, *ends]))


def _third_segment(flow: Flow) -> int:
    """The frame that completes TCP's handshake, or the last one that tried to; 0 when none is in the capture."""
    end, seen = 0, 0
    for position, flags in enumerate(flow.flags):
        if flags & SYN:
            seen |= 2 if flags & ACK else 1
            end = flow.frame[position]
        elif seen == 3 and flow.side[position] == CLIENT and flags & ACK:
            return flow.frame[position] if not flow.length[position] else end
        elif seen and flags & RST:
            return end
    return end


def spans(flow: Flow, division: Boundaries) -> tuple[PhaseSpan, ...]:
    """The phases a flow has, in order."""
    found: dict[Phase, list[int]] = {}
    for position, frame in enumerate(flow.frame):
        found.setdefault(division.phase(frame), []).append(position)
    return tuple(
        PhaseSpan(
            phase,
            flow.time[found[phase][0]],
            flow.time[found[phase][-1]],
            flow.frame[found[phase][0]],
            flow.frame[found[phase][-1]],
            len(found[phase]),
        )
        for phase in Phase
        if phase in found
    )


def steps(flow: Flow, exchanges: tuple[Exchange, ...], tls: tuple[tuple[int, int, str], ...] = ()) -> list[str]:
    """What each packet of a TCP flow is: ``SYN``, ``EHLO``, ``250 to EHLO``, ``message``, ``FIN``, ``ACK``."""
    said = _said(exchanges)
    for at, sender, word in tls:
        said.setdefault((at, sender), []).append(word)
    message = [
        (e.command.frames[0], e.command.frames[-1])
        for e in exchanges
        if e.command is not None and e.command.verb in ("message", "BDAT") and e.command.frames
    ]
    result = []
    handshake = 0
    for position, flags in enumerate(flow.flags):
        frame, side = flow.frame[position], flow.side[position]
        words = list(dict.fromkeys(said.get((frame, side), ())))
        if flow.length[position] and not words and side == CLIENT and _within(frame, message):
            words = ["message"]
        elif flow.length[position] and not words:
            words = ["data"]
        if flags & SYN:
            handshake = 2 if flags & ACK else 1
            words.insert(0, f"handshake {handshake}/3 " + ("SYN-ACK" if flags & ACK else "SYN"))
        elif handshake == 2 and side == CLIENT and flags & ACK and not flags & (RST | FIN):
            handshake = 3
            words.insert(0, "handshake 3/3 ACK")
        if flags & FIN:
            words.append("FIN")
        if flags & RST:
            words.append("RST")
        result.append(", ".join(words) or "ACK")
    return result


def _said(exchanges: tuple[Exchange, ...]) -> dict[tuple[int, int], list[str]]:
    """Words for frames, by frame and side."""
    words: dict[tuple[int, int], list[str]] = {}
    for exchange in exchanges:
        command = exchange.command
        if command is not None:
            for frame in command.frames:
                words.setdefault((frame, 0), []).append(command.verb)
        verb = command.verb if command is not None else ""
        to = {"": "", "connect": " greeting"}.get(verb, f" to {verb}")
        for reply in exchange.replies:
            status = reply.status or "reply"
            for frame in reply.frames:
                words.setdefault((frame, 1), []).append(f"{status}{to}")
    return words


def _within(frame: int, ranges: list[tuple[int, int]]) -> bool:
    """Whether a frame lies in one of the ranges, which are in order."""
    at = bisect_right(ranges, frame, key=lambda pair: pair[0])
    return at > 0 and frame <= ranges[at - 1][1]
