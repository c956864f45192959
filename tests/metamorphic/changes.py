"""What can happen to a capture and not to the network: packets it misses, holds twice, in another order, or cut short.

A change takes frames and two numbers that choose where it strikes, and gives frames.  It changes nothing of what the
hosts said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from tests.metamorphic.packets import Frame

Frames = tuple[Frame, ...]
Change = Callable[[Frames, int, int], Frames]

_ETHERNET = 14
_SNAP = 96
_CLOSE_NS = 2_000_000
_BETWEEN_NS = 30_000  # from one capture point to the next
_MOST_BACK_NS = 3_600 * 10**9


def drop_one(frames: Frames, at: int, _: int) -> Frames:
    """One packet is missing."""
    at %= len(frames)
    return frames[:at] + frames[at + 1 :]


def drop_run(frames: Frames, at: int, many: int) -> Frames:
    """Some packets in a row are missing."""
    at %= len(frames)
    return frames[:at] + frames[at + 2 + many % 6 :]


def drop_before(frames: Frames, at: int, _: int) -> Frames:
    """The capture begins late."""
    return frames[at % len(frames) :]


def drop_after(frames: Frames, at: int, _: int) -> Frames:
    """The capture ends early."""
    return frames[: 1 + at % len(frames)]


def one_direction(frames: Frames, at: int, _: int) -> Frames:
    """Every packet that goes the way of one of them is missing."""
    missing = _way(frames[at % len(frames)])
    return tuple(frame for frame in frames if _way(frame) != missing)


def one_sender(frames: Frames, at: int, _: int) -> Frames:
    """Every packet that the sender of one of them sends to its receiver is missing, on all connections."""
    missing = _way(frames[at % len(frames)])[:2]
    return tuple(frame for frame in frames if _way(frame)[:2] != missing)


def swap(frames: Frames, at: int, _: int) -> Frames:
    """Two neighbours within 2 ms stand in the file in the other order, each with the other's time."""
    near = [n for n in range(len(frames) - 1) if frames[n + 1].time_ns - frames[n].time_ns <= _CLOSE_NS]
    if not near:
        return frames
    first = near[at % len(near)]
    one, other = frames[first], frames[first + 1]
    changed = (replace(other, time_ns=one.time_ns), replace(one, time_ns=other.time_ns))
    return frames[:first] + changed + frames[first + 2 :]


def twice(frames: Frames, *_: int) -> Frames:
    """Every packet is captured twice."""
    return _again(frames, lambda frame: frame)


def twice_routed(frames: Frames, *_: int) -> Frames:
    """Every packet is captured before a router and behind it."""
    return _again(frames, _routed)


def twice_tagged(frames: Frames, *_: int) -> Frames:
    """Every packet is captured on a VLAN and on the device below it."""
    return _again(frames, _tagged)


def cut_short(frames: Frames, *_: int) -> Frames:
    """The capture keeps 96 octets of every packet."""
    return tuple(replace(frame, octets=frame.octets[:_SNAP]) for frame in frames)


def clock_set_back(frames: Frames, at: int, how_far: int) -> Frames:
    """The clock of the machine that captures is set back once."""
    at %= len(frames)
    back = 10 ** (3 + how_far % 10) if how_far % 10 < 9 else _MOST_BACK_NS
    return frames[:at] + tuple(replace(frame, time_ns=frame.time_ns - back) for frame in frames[at:])


CHANGES: tuple[Change, ...] = (
    drop_one,
    drop_run,
    drop_before,
    drop_after,
    one_direction,
    one_sender,
    swap,
    twice,
    twice_routed,
    twice_tagged,
    cut_short,
    clock_set_back,
)
NAMED = {change.__name__: change for change in CHANGES}

Step = tuple[str, int, int]


def changed(frames: Frames, steps: Sequence[Step]) -> Frames:
    """One change after the other, while something is left."""
    for name, at, many in steps:
        if frames:
            frames = NAMED[name](frames, at, many)
    return frames


def _ip(frame: Frame) -> bytes:
    behind = 4 if frame.octets[12:14] == b"\x81\0" else 0
    return frame.octets[_ETHERNET + behind :]


def _way(frame: Frame) -> tuple[bytes, bytes, bytes]:
    """Source, destination, and the ports."""
    packet = _ip(frame)
    if packet[0] >> 4 == 6:
        return packet[8:24], packet[24:40], packet[40:44]
    ports = 4 * (packet[0] & 15)
    return packet[12:16], packet[16:20], packet[ports : ports + 4]


def _again(frames: Frames, other: Callable[[Frame], Frame]) -> Frames:
    found = []
    for frame in frames:
        found += [frame, other(replace(frame, time_ns=frame.time_ns + _BETWEEN_NS))]
    return tuple(sorted(found, key=lambda frame: frame.time_ns)) if _in_order(frames) else tuple(found)


def _in_order(frames: Frames) -> bool:
    return all(one.time_ns <= other.time_ns for one, other in pairwise(frames))


def _routed(frame: Frame) -> Frame:
    octets = bytearray(frame.octets)
    octets[:6] = b"\x02\0\0\0\0\7"
    at = _ETHERNET + (4 if octets[12:14] == b"\x81\0" else 0)
    if octets[at] >> 4 == 6:
        octets[at + 7] -= 1
        return replace(frame, octets=bytes(octets))
    octets[at + 8] -= 1
    size = 4 * (octets[at] & 15)
    octets[at + 10 : at + 12] = b"\0\0"
    words = sum(int.from_bytes(octets[n : n + 2], "big") for n in range(at, at + size, 2))
    while words >> 16:
        words = (words & 0xFFFF) + (words >> 16)
    octets[at + 10 : at + 12] = (~words & 0xFFFF).to_bytes(2, "big")
    return replace(frame, octets=bytes(octets))


def _tagged(frame: Frame) -> Frame:
    return replace(frame, octets=frame.octets[:12] + b"\x81\0\0\7" + frame.octets[12:], full=frame.full + 4)
