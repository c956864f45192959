"""What is unusual about a TCP packet: Wireshark's ``tcp.analysis.*``, reimplemented from behaviour.

State per direction: the highest sequence number sent (``next``), the last acknowledgement and window it gave, and the
end of what it sent without a hole (``whole``).  The order of the tests is Wireshark's and matters.  Windows are
compared as they stand in the header, unscaled.  Checked against Wireshark 4.0: its SACK blocks change no flag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from testbed.durations import MILLISECOND
from testbed.protocols.tcp import ACK, FIN, RST, SYN, Options, distance
from testbed.trace.flows import Flow

FAST_RETRANSMISSION_NS = 20 * MILLISECOND
DEFAULT_RTT_NS = 3 * MILLISECOND
SOONEST_NS = 200 * MILLISECOND
"""Before that, no timer of a TCP in use has run out."""
_FULL = 1 << 32


class TcpEvent:
    """Flags of one packet, named as in Wireshark.  Plain numbers: they are tested several times for every packet."""

    ZERO_WINDOW_PROBE = 1 << 0
    ZERO_WINDOW = 1 << 1
    LOST_SEGMENT = 1 << 2
    KEEP_ALIVE = 1 << 3
    WINDOW_UPDATE = 1 << 4
    WINDOW_FULL = 1 << 5
    KEEP_ALIVE_ACK = 1 << 6
    ZERO_WINDOW_PROBE_ACK = 1 << 7
    DUPLICATE_ACK = 1 << 8
    ACK_LOST_SEGMENT = 1 << 9
    SPURIOUS_RETRANSMISSION = 1 << 10
    FAST_RETRANSMISSION = 1 << 11
    OUT_OF_ORDER = 1 << 12
    RETRANSMISSION = 1 << 13


RETRANSMITTED = TcpEvent.RETRANSMISSION | TcpEvent.FAST_RETRANSMISSION | TcpEvent.SPURIOUS_RETRANSMISSION


EVENTS: dict[str, int] = {name.lower(): bit for name, bit in vars(TcpEvent).items() if name.isupper()}


def event_names(events: int) -> tuple[str, ...]:
    """The flags in words, as Wireshark writes them: ``duplicate_ack``."""
    return tuple(name for name, event in EVENTS.items() if events & event)


@dataclass(slots=True)
class _Direction:
    """What one side has sent so far.  Sequence numbers are those of the wire, times nanoseconds."""

    next: int | None = None  # one past the highest sequence number sent
    next_time: int = 0
    whole: int | None = None  # end of what was sent without a hole
    last_ack: int | None = None
    last_ack_time: int = 0
    window: int | None = None  # unscaled
    scale: int | None = None  # shift of the window, None when unknown
    unscaled: bool = False  # the last window stood in a SYN
    duplicates: int = 0  # duplicate ACKs in a row
    last: int = 0  # events of the last packet


class _Segment(Struct, frozen=True):
    """One packet.  ``window`` is unscaled, ``time`` nanoseconds."""

    row: int
    time: int
    flags: int
    sequence: int
    ack: int
    window: int
    length: int

    @property
    def special(self) -> bool:
        return bool(self.flags & (SYN | FIN | RST))

    @property
    def end(self) -> int:
        """One past the last sequence number of the payload."""
        return (self.sequence + self.length) % _FULL

    @property
    def after(self) -> int:
        """The sequence number that comes next: SYN and FIN count."""
        return (self.end + bool(self.flags & (SYN | FIN))) % _FULL


def tcp_events(flow: Flow, options: Callable[[int], Options]) -> list[int]:
    """Events of each packet of a flow.  ``options(row)`` parses those of a row of the packet table."""
    return _Judge(options, flow.repeats).judge(flow)


class _Judge:
    def __init__(self, options: Callable[[int], Options], repeats: bool) -> None:
        self._options = options
        self._repeats = repeats
        self._directions = (_Direction(), _Direction())
        self._syn_time: int | None = None
        self._rtt: int | None = None  # Wireshark's initial RTT, nanoseconds

    def judge(self, flow: Flow) -> list[int]:
        if self._repeats:  # the same SYN was refused before
            first = self._directions[flow.side[0]]
            first.next = first.whole = (flow.sequence[0] + 1) % _FULL
        result = []
        columns = (flow.index, flow.time, flow.flags, flow.sequence, flow.acknowledgement, flow.window, flow.length)
        for side, *values in zip(flow.side, *columns, strict=True):
            mine, peer = self._directions[side], self._directions[1 - side]
            result.append(self._packet(_Segment(*values), mine, peer))
        return result

    def _packet(self, segment: _Segment, mine: _Direction, peer: _Direction) -> int:
        events, final = _first_checks(segment, mine, peer)
        if not final:
            events |= _answer_checks(segment, mine, peer)
        if segment.ack != mine.last_ack:
            mine.duplicates = 0
        if segment.flags & ACK and peer.whole is not None and distance(segment.ack, peer.whole) > 0:
            events |= self._acknowledges_unseen(segment, peer)
        if (segment.length or segment.flags & (SYN | FIN)) and not events & TcpEvent.KEEP_ALIVE:
            events |= self._repeated(segment, mine, peer)
        _advance(segment, mine, events)
        if segment.flags & SYN:
            self._learn_scale(segment, mine, peer)
        self._measure(segment)
        mine.last = events
        return events

    def _acknowledges_unseen(self, segment: _Segment, peer: _Direction) -> int:
        """An ACK beyond what was captured whole; beyond everything captured it is told once, until the peer ACKs on."""
        if peer.whole != peer.next:
            peer.whole = peer.next
            return TcpEvent.ACK_LOST_SEGMENT
        told = peer.duplicates > 0
        peer.duplicates = max(2, peer.duplicates)  # what the peer sends again is taken for a fast retransmission
        return 0 if told else TcpEvent.ACK_LOST_SEGMENT

    def _measure(self, segment: _Segment) -> None:
        """The initial RTT: from the last SYN to the first ACK after it that is no SYN."""
        handshake = segment.flags & (SYN | ACK)
        if handshake == SYN:
            self._syn_time = segment.time
        elif handshake == ACK and self._syn_time is not None and self._rtt is None:
            self._rtt = segment.time - self._syn_time

    def _repeated(self, segment: _Segment, mine: _Direction, peer: _Direction) -> int:
        """Which kind of repetition a segment with data, a SYN or a FIN is; 0 when it is none."""
        sequence, end = segment.sequence, segment.end
        if segment.length and peer.last_ack and distance(end, peer.last_ack) <= 0:
            return TcpEvent.SPURIOUS_RETRANSMISSION | TcpEvent.RETRANSMISSION
        if mine.next is None or distance(sequence, mine.next) >= 0:
            return 0
        if segment.length > 1 and sequence == (mine.next - 1) % _FULL:
            return 0  # the octet before was a zero window probe
        recent = segment.time - peer.last_ack_time < FAST_RETRANSMISSION_NS
        if peer.duplicates >= 2 and recent and sequence == peer.last_ack:
            return TcpEvent.FAST_RETRANSMISSION | TcpEvent.RETRANSMISSION
        in_time = segment.time - mine.next_time < (self._rtt or DEFAULT_RTT_NS)
        if in_time and segment.after != mine.next:
            return TcpEvent.OUT_OF_ORDER
        return TcpEvent.RETRANSMISSION

    def _learn_scale(self, segment: _Segment, mine: _Direction, peer: _Direction) -> None:
        """The window scale a SYN offers.  One SYN that offers none ends it for both sides (RFC 7323 §2.2)."""
        offered = self._options(segment.row).window_scale
        if offered is None:
            mine.scale = peer.scale = 0
        elif mine.scale is None:
            mine.scale = offered


def _first_checks(segment: _Segment, mine: _Direction, peer: _Direction) -> tuple[int, bool]:
    """What the segment says by itself, and whether it is a zero window probe, of which nothing more is asked."""
    events = 0
    if segment.length == 1 and segment.sequence == mine.next and peer.window == 0:
        return TcpEvent.ZERO_WINDOW_PROBE, True
    if not segment.window and not segment.special:
        events |= TcpEvent.ZERO_WINDOW
    if mine.next is not None and distance(segment.sequence, mine.next) > 0 and not segment.flags & RST:
        events |= TcpEvent.LOST_SEGMENT
    if (
        segment.length <= 1
        and mine.next is not None
        and segment.sequence == (mine.next - 1) % _FULL
        and not segment.special
    ):
        events |= TcpEvent.KEEP_ALIVE
    return events, False


def _answer_checks(segment: _Segment, mine: _Direction, peer: _Direction) -> int:
    """What a segment says by its acknowledgement and window."""
    if segment.special:
        return 0
    if segment.length:
        if peer.window is None or peer.scale is None or peer.last_ack is None:
            return 0
        window = peer.window << (0 if peer.unscaled else peer.scale)
        return TcpEvent.WINDOW_FULL if segment.end == (peer.last_ack + window) % _FULL else 0
    if segment.sequence != mine.next or mine.last_ack is None:
        return 0
    same_ack = segment.ack == mine.last_ack
    if not segment.window:
        refused = same_ack and not mine.window and peer.last & TcpEvent.ZERO_WINDOW_PROBE
        return TcpEvent.ZERO_WINDOW_PROBE_ACK if refused else 0
    if not same_ack:
        return 0
    if segment.window != mine.window:
        return TcpEvent.WINDOW_UPDATE
    if peer.last & TcpEvent.KEEP_ALIVE:
        return TcpEvent.KEEP_ALIVE_ACK
    mine.duplicates += 1
    return TcpEvent.DUPLICATE_ACK


def _advance(segment: _Segment, mine: _Direction, events: int) -> None:
    """What is known after the segment."""
    end = segment.after
    if not events & TcpEvent.ZERO_WINDOW_PROBE:
        if mine.next is None or distance(end, mine.next) > 0:
            mine.next, mine.next_time = end, segment.time
        if mine.whole is None or segment.sequence == mine.whole:
            mine.whole = mine.next
    mine.unscaled = bool(segment.flags & SYN)
    mine.window, mine.last_ack, mine.last_ack_time = segment.window, segment.ack, segment.time
