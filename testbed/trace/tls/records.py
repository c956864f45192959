"""TLS records cut out of what both sides of a connection sent (RFC 8446 §5.1).

A side is in one of three states; only its own octets change it, but a server begins after its client only:

====== ===================================== ===========================================================
state  what the side's octets are            left at
====== ===================================== ===========================================================
plain  a dialogue nobody encrypted           a segment that begins with a ClientHello, ServerHello or alert,
                                             behind a hole with any record
secret TLS records                           a hole in the capture, or octets that are no record
lost   ciphertext nobody can cut any more    never
====== ===================================== ===========================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import Enum, auto

from msgspec import Struct

from testbed.protocols.tls import ALERT, CLIENT_HELLO, HANDSHAKE, HEADER, MOST_IN_RECORD, SERVER_HELLO, Plaintext
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.tcp.reassembly import Chunk, Gap

_ANY = range(256)
_VERSION = range(5)
_LIKE_CLIENT_HELLO = ((HANDSHAKE,), (3,), _VERSION, _ANY, _ANY, (CLIENT_HELLO,), (0,), _ANY, _ANY, (3,), _VERSION)
_LIKE_SERVER_HELLO = ((HANDSHAKE,), (3,), _VERSION, _ANY, _ANY, (SERVER_HELLO,))
_LIKE_RECORD = ((20, 21, 22, 23), (3,), _VERSION)
_LIKE_ALERT = ((ALERT,), (3,), _VERSION, (0,), (2,))
_BEGINNINGS: tuple[tuple[tuple[Collection[int], ...], ...], ...] = (
    (_LIKE_CLIENT_HELLO,),
    (_LIKE_SERVER_HELLO, _LIKE_ALERT),
)
OpenedRecords = Mapping[tuple[int, int], Plaintext | None]
"""What keys opened of a connection, by :attr:`TlsRecord.place`; None for a record of its dialogue that stays closed."""


class TlsRecord(Struct, frozen=True):
    """A TLS record as it was sent, header included, told at the packet that made it whole.

    ``number`` counts the records of its side, from 0.
    """

    number: int
    side: int
    octets: bytes
    frame: int
    time_ns: int

    @property
    def place(self) -> tuple[int, int]:
        """Which of the connection's records it is, whatever the order in which those of both sides came."""
        return self.side, self.number

    @property
    def kind(self) -> int:
        """The content type its header tells."""
        return self.octets[0]

    @property
    def fragment(self) -> bytes:
        """What follows the header."""
        return self.octets[HEADER:]


class _State(Enum):
    PLAIN = auto()
    SECRET = auto()
    LOST = auto()


class _Side:
    def __init__(self) -> None:
        self.state = _State.PLAIN
        self.held: list[Chunk] = []  # what may yet turn out to begin TLS
        self.octets = bytearray()  # a record that is not whole
        self.records = 0  # so far
        self.holed = False  # something is missing


class RecordReader:
    """Cuts what both sides sent into records, from where TLS begins; what comes before is given as it is."""

    def __init__(self) -> None:
        self._sides = (_Side(), _Side())

    def feed(self, item: Chunk | Gap) -> Iterator[Chunk | Gap | TlsRecord]:
        """The next octets of one side."""
        side = self._sides[item.side]
        if isinstance(item, Gap):
            yield from self._release(side)
            side.octets.clear()
            side.holed = True
            side.state = _State.LOST if side.state is _State.SECRET else side.state
            yield item
        elif side.state is _State.SECRET:
            yield from self._cut(side, item)
        elif side.state is _State.PLAIN:
            if side.holed and len(item.octets) >= HEADER and _alike(item.octets, _LIKE_RECORD):
                side.state = _State.SECRET  # TLS has begun in a hole
                yield from self._cut(side, item)
            elif side.held or item.octets[:1] in (b"\x15", b"\x16"):
                yield from self._begin(side, item)
            else:
                yield item

    def is_secret(self, side: int) -> bool:
        """Whether a side has begun with TLS."""
        return self._sides[side].state is not _State.PLAIN

    def is_lost(self, side: int) -> bool:
        """Whether a side's ciphertext can be cut into records no more."""
        return self._sides[side].state is _State.LOST

    @property
    def holed(self) -> bool:
        """Whether something is missing on either side."""
        return any(side.holed for side in self._sides)

    def finish(self) -> Iterator[Chunk]:
        """What was kept back."""
        for side in self._sides:
            yield from self._release(side)

    def _begin(self, side: _Side, chunk: Chunk) -> Iterator[Chunk | TlsRecord]:
        side.held.append(chunk)
        head = b"".join(held.octets for held in side.held)
        patterns = [p for p in _BEGINNINGS[chunk.side] if _alike(head, p)]
        if chunk.side == SERVER and self._sides[CLIENT].state is _State.PLAIN:
            patterns = []
        if not patterns:
            yield from self._release(side)
        elif any(len(head) >= len(pattern) for pattern in patterns):
            side.state = _State.SECRET
            held, side.held = side.held, []
            for one in held:
                yield from self._cut(side, one)

    def _release(self, side: _Side) -> Iterator[Chunk]:
        held, side.held = side.held, []
        yield from held

    def _cut(self, side: _Side, chunk: Chunk) -> Iterator[TlsRecord]:
        side.octets += chunk.octets
        while side.state is _State.SECRET and len(side.octets) >= HEADER:
            length = int.from_bytes(side.octets[3:HEADER], "big")
            if not 20 <= side.octets[0] <= 24 or side.octets[1] != 3 or length > MOST_IN_RECORD:
                side.state = _State.LOST
                side.octets.clear()
            elif len(side.octets) < HEADER + length:
                return
            else:
                octets = bytes(side.octets[: HEADER + length])
                del side.octets[: HEADER + length]
                yield TlsRecord(side.records, chunk.side, octets, chunk.frame, chunk.time_ns)
                side.records += 1


def _alike(octets: bytes, pattern: tuple[Collection[int], ...]) -> bool:
    """Whether octets, as far as they go, are such a beginning."""
    return all(octet in allowed for octet, allowed in zip(octets, pattern, strict=False))
