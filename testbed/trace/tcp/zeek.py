"""Zeek's two summaries of a TCP connection, reimplemented from behaviour: ``conn_state`` and ``history``.

An endpoint's state follows what it sends.  ``conn_state`` is read off both endpoints at the end, first match wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from testbed.pcap.checksums import BAD
from testbed.protocols.tcp import ACK, FIN, RST, SYN, distance
from testbed.trace.flows import CLIENT, SERVER, Flow


class _State(Enum):
    INACTIVE = auto()
    SYN_SENT = auto()
    SYN_ACK_SENT = auto()
    PARTIAL = auto()  # seen only after the handshake
    ESTABLISHED = auto()
    CLOSED = auto()  # sent FIN
    RESET = auto()  # sent RST


STATES = ("S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH")
"""All there are of ``conn_state``."""
_SILENT = (_State.INACTIVE, _State.PARTIAL)
_COUNTED = "CGTW"  # noted at the 1st, 10th, 100th ... time
_ONCE = "ADIQ"
_NONE: dict[int, int] = {}


def conn_state(flow: Flow) -> str:
    """Zeek's ``conn_state`` of a TCP flow, one of :data:`STATES`."""
    originator, responder = _final_states(flow)
    S = _State  # noqa: N806 - the table below reads better
    sizes = [sum(n for n, side in zip(flow.length, flow.side, strict=True) if side == end) for end in (CLIENT, SERVER)]
    if responder is S.RESET:
        refused = originator in (S.SYN_SENT, S.SYN_ACK_SENT) or (originator is S.RESET and not any(sizes))
        return "REJ" if refused else "RSTRH" if originator in _SILENT else "RSTR"
    if originator is S.RESET:
        if responder not in _SILENT:
            return "RSTO"
        return "RSTOS0" if _only_syn_before_reset(history(flow)) else "OTH"
    if originator is S.CLOSED and responder is S.CLOSED:
        return "SF"
    if originator is S.CLOSED:
        return "SH" if responder in _SILENT else "S2"
    if responder is S.CLOSED:
        return "SHR" if originator in _SILENT else "S3"
    if originator is S.SYN_SENT and responder is S.INACTIVE:
        return "S0"
    return "S1" if originator is S.ESTABLISHED and responder is S.ESTABLISHED else "OTH"


def udp_state(flow: Flow) -> str:
    """Zeek's ``conn_state`` of a UDP flow."""
    sides = {side for side, length in zip(flow.side, flow.length, strict=True) if length}
    return {frozenset((0, 1)): "SF", frozenset((0,)): "S0", frozenset((1,)): "SHR"}.get(frozenset(sides), "OTH")


def _only_syn_before_reset(text: str) -> bool:
    head, reset, _ = text.removeprefix("^").partition("R")
    return bool(reset) and head.startswith("S") and not set(head) & set("HAFGIQ")


def _final_states(flow: Flow) -> tuple[_State, _State]:
    states, finished = [_State.INACTIVE, _State.INACTIVE], [False, False]
    for flags, side, length in zip(flow.flags, flow.side, flow.length, strict=True):
        states[side], states[1 - side] = _next(states[side], states[1 - side], flags, side, length)
        finished[side] = finished[side] or bool(flags & FIN)
        if flags & FIN and finished[1 - side] and states[1 - side] is _State.RESET:
            states[1 - side] = _State.CLOSED  # the RST only hurried a connection both sides had ended
    return states[CLIENT], states[SERVER]


def _next(mine: _State, peer: _State, flags: int, side: int, length: int) -> tuple[_State, _State]:
    S = _State  # noqa: N806
    if flags & RST:
        return (mine, peer) if mine is S.CLOSED and peer is S.CLOSED else (S.RESET, peer)
    if flags & SYN:
        if flags & FIN:
            return S.CLOSED, peer
        if not flags & ACK:
            return _after_syn(mine, peer, side)
        if peer in (S.SYN_SENT, S.ESTABLISHED):
            return (S.ESTABLISHED if mine in (S.INACTIVE, S.SYN_SENT) else mine), S.ESTABLISHED
        return (S.SYN_ACK_SENT if mine is S.INACTIVE else mine), peer
    if flags & FIN:
        return S.CLOSED, peer
    if mine is S.INACTIVE:
        if peer is S.SYN_ACK_SENT:
            return S.ESTABLISHED, S.ESTABLISHED
        if side == SERVER and not length and peer is S.SYN_SENT:
            return mine, peer
        return S.PARTIAL, peer
    return mine, peer


def _after_syn(mine: _State, peer: _State, side: int) -> tuple[_State, _State]:
    S = _State  # noqa: N806
    if mine is S.INACTIVE and side == SERVER:  # both open at once
        return S.ESTABLISHED, S.ESTABLISHED if peer is S.SYN_SENT else peer
    partial = mine is S.PARTIAL and peer is S.INACTIVE
    return (S.SYN_SENT if mine is S.INACTIVE or partial else mine), peer


def history(flow: Flow, gaps: Iterable[tuple[int, int]] = (), damaged: Mapping[int, int] = _NONE) -> str:
    """Zeek's ``history`` of a TCP flow.  ``gaps`` are the content gaps: the frame that showed each, and its side.

    ``damaged`` are the places of packets whose receiver discarded them, and why (:mod:`testbed.trace.tcp.discarded`);
    Zeek notes those with a wrong checksum, and looks no further at either.
    """
    holes: dict[int, list[int]] = {}
    for frame, side in gaps:
        holes.setdefault(frame, []).append(side)
    writer = _History()
    highest: list[int | None] = [None, None]
    closed = [False, False]
    for position, flags in enumerate(flow.flags):
        side, sequence, length = flow.side[position], flow.sequence[position], flow.length[position]
        if position == 0 and side == SERVER:
            writer.letters.append("^")
        if position in damaged:
            if damaged[position] == BAD:
                writer.note("C", side)
            continue
        special = flags & (SYN | FIN | RST)
        if (special & SYN and special & (FIN | RST)) or (special & FIN and special & RST):
            writer.note("I" if not special & SYN else "Q", side)
        elif special & SYN:
            writer.note("H" if flags & ACK else "S", side, sequence)
        elif special & FIN:
            writer.note("F", side, sequence + length)
        elif special & RST:
            writer.note("R", side, sequence)
        elif not length and flags & ACK:
            writer.note("A", side)
        end = (sequence + length + bool(flags & SYN)) % 2**32
        if length and not special:
            writer.note("D", side)
        before = highest[side]
        if length and before is not None and distance(end, before) <= 0:
            writer.note("T", side)
        if not flow.window[position] and not flags & RST and not closed[1 - side] and not flags & SYN:
            writer.note("W", side)
        if before is None or distance(end, before) > 0:
            highest[side] = end
        closed[side] = closed[side] or bool(flags & FIN)
        for hole in holes.get(flow.frame[position], ()):
            writer.note("G", hole)
    return "".join(writer.letters)


class _History:
    def __init__(self) -> None:
        self.letters: list[str] = []
        self._counts: dict[tuple[str, int], int] = {}
        self._sequences: dict[tuple[str, int], int] = {}

    def note(self, letter: str, side: int, sequence: int = 0) -> None:
        key = ("S" if letter == "H" else letter, side)  # a SYN again as SYN-ACK is noted only with another number
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if letter in _COUNTED:
            wanted = str(count).rstrip("0") == "1"
        elif letter in _ONCE:
            wanted = count == 1
        else:
            wanted = count == 1 or self._sequences.get(key) != sequence
        self._sequences[key] = sequence
        if wanted:
            self.letters.append(letter if side == CLIENT else letter.lower())


def udp_history(flow: Flow) -> str:
    """Zeek's ``history`` of a UDP flow."""
    text = ""
    for side, length in zip(flow.side, flow.length, strict=True):
        letter = "D" if side == CLIENT else "d"
        if length and letter not in text:
            text += letter
    return text


def completeness(flow: Flow) -> int:
    """Wireshark's ``tcp.completeness``: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST."""
    value = 0
    for flags, length in zip(flow.flags, flow.length, strict=True):
        if flags & SYN:
            value |= 2 if flags & ACK else 1
        elif flags & ACK:
            value |= 8 if length else 4
        if flags & FIN and flags & ACK:
            value |= 16
        if flags & RST:
            value |= 32
    return value
