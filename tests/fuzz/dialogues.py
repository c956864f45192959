"""Dialogues as octets and back: what fuzzers change and hypothesis draws is the same thing.

A dialogue is a row of items, each an octet that says what it is, two that say how long it is (big-endian), and then,
unless it is a gap, its octets.  Any octets are a dialogue: what is missing at the end is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.trace.tcp.reassembly import Chunk, Gap

SERVER, GAP, DECRYPTED, SAME_FRAME = 1, 2, 4, 8
_HEAD = 3
_START_NS, _STEP_NS = 1_700_000_000 * 10**9, 1_000_000

Item = Chunk | Gap


def items(octets: bytes) -> Iterator[Item]:
    """What the octets say; frames count from 1, a millisecond apart."""
    at, frame = 0, 0
    while at + _HEAD <= len(octets):
        kind, length = octets[at], int.from_bytes(octets[at + 1 : at + _HEAD], "big")
        at += _HEAD
        frame += not (frame and kind & SAME_FRAME)
        side, time = kind & SERVER, _START_NS + frame * _STEP_NS
        if kind & GAP:
            yield Gap(side, max(1, length), frame, time)
        elif octets[at : at + length]:
            yield Chunk(side, octets[at : at + length], frame, time, bool(kind & DECRYPTED))
            at += length


def octets_of(said: Iterable[tuple[int, bytes | int]]) -> bytes:
    """The octets of a dialogue: each item's kind, and what was said, or how long the gap is."""
    parts = []
    for kind, what in said:
        if isinstance(what, int):
            parts.append(bytes((kind | GAP,)) + what.to_bytes(2, "big"))
        else:
            for piece in (what[n : n + 0xFFFF] for n in range(0, len(what), 0xFFFF)):
                parts.append(bytes((kind,)) + len(piece).to_bytes(2, "big") + piece)
    return b"".join(parts)


def told(script: str) -> bytes:
    """The octets of a dialogue written down: lines that begin with ``C `` or ``S ``, ``C! `` for decrypted ones, and
    ``C-9`` for a gap of nine octets.  ``|`` in a line cuts it into segments, ``\\x00`` and the like are octets."""
    said: list[tuple[int, bytes | int]] = []
    for line in filter(None, (line.strip() for line in script.splitlines())):
        mark, _, text = line.partition(" ")
        kind = (SERVER if mark[0] == "S" else 0) | (DECRYPTED if "!" in mark else 0)
        if "-" in mark:
            said.append((kind, int(mark[2:])))
            continue
        pieces = text.encode("latin-1").decode("unicode_escape").encode("latin-1").split(b"|")
        said += [(kind, piece) for piece in (*pieces[:-1], pieces[-1] + b"\r\n")]
    return octets_of(said)


def totals(said: Iterable[Item]) -> tuple[int, int]:
    """How many items there are, and how many octets in them."""
    listed = list(said)
    return len(listed), sum(len(item.octets) for item in listed if isinstance(item, Chunk))
