"""The shape of each flow of a batch: a number that two flows share when they went alike.

It is made from two sequences of tokens: what Zeek's history notes, and what was said; SYN, FIN and RST stand in both.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from testbed.protocols.tcp import ACK, FIN, RST, SYN
from testbed.trace.flows import Flows
from testbed.trace.glance.batch import Batch, Bools, Ints, odd_one_sided, odd_openings
from testbed.trace.glance.dialogue import Tokens, listen
from testbed.trace.glance.events import tcp_events, zeek_letters
from testbed.trace.glance.heads import telling
from testbed.trace.glance.repetitions import odd_repetitions
from testbed.trace.services.table import name_by_port, port_of, service_of
from testbed.trace.tcp.events import RETRANSMITTED, TcpEvent

Tokened = tuple[Ints, Ints, Ints]  # rows, places within a packet, tokens
Longs = NDArray[np.uint64]

_CONTROL, _LETTER, _SAID = 1 << 24, 2 << 24, 3 << 24  # added to tokens, so that those of different origin differ
_TOKEN_BITS, _PLACE_BITS = np.uint64(28), np.uint64(40)
_TOKEN, _LAST_PLACE = np.uint64((1 << 28) - 1), np.uint64((1 << 12) - 1)
_WITH_DATA, _FROM_SERVER = 256, 512


class Shapes:
    """Finds shapes; its numbers hold for all batches it is given, and for no other instance."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self._tokens = Tokens()
        # Secret, so that no capture can be made in which two different sequences look alike.
        self._salts = [np.uint64(int.from_bytes(os.urandom(8), "big") | 1) for _ in range(4)]

    def of(self, batch: Batch) -> tuple[Longs, Ints, Bools]:
        """Shapes as an array of shape (flows, 2), then each packet's TCP events, and which packets have new octets.

        What cannot be judged is marked odd in the batch.
        """
        data = self._flows.table.capture.data
        odd_openings(batch)
        odd_one_sided(batch)
        batch.mark(~batch.whole)
        events = tcp_events(batch)
        batch.mark((events & TcpEvent.OUT_OF_ORDER != 0) & (batch.length > 0))  # what it repeats is for exact code
        batch.mark(events & TcpEvent.ACK_LOST_SEGMENT != 0)  # a FIN that is not in the capture is for exact code
        odd_repetitions(batch, events & RETRANSMITTED != 0, self._flows.table)
        before = np.where(batch.before >= 0, batch.highest[batch.before], batch.sequence)
        fresh = (batch.length > 0) & ((batch.before < 0) | (batch.next > before))
        service, smtp = self._services(batch)
        telling(batch, fresh & ~smtp[batch.flow], data)
        control = _control(batch)
        said = listen(batch, smtp & ~batch.odd, fresh, data, self._tokens)
        spoken = (said.row, said.place + 1, said.token + _SAID)
        letters = [
            (rows, np.full(len(rows), place), letter + _LETTER)
            for place, (rows, letter) in enumerate(zeek_letters(batch), 1)
        ]
        repeated = events & RETRANSMITTED != 0
        facts = (service * 8 + batch.server[batch.first] * 4).astype(np.uint64)
        facts += (batch.any(repeated & (batch.length > 0)) * 2 + batch.any(repeated)).astype(np.uint64)
        shapes = [
            self._digest(batch, [control, *letters], *self._salts[:2]) + facts,
            self._digest(batch, [control, spoken], *self._salts[2:]) + facts,
        ]
        return np.stack(shapes, axis=1), events, fresh

    def _services(self, batch: Batch) -> tuple[Ints, Bools]:
        """A number for the service told by each flow's port, and whether it is SMTP."""
        flows, first = self._flows, batch.row[batch.first]
        table = flows.table
        ports = np.where(flows.from_client[batch.numbers], table.destination_port[first], table.source_port[first])
        found, index = np.unique(ports, return_inverse=True)
        names = [name_by_port("tcp", port) for port in found.tolist()]
        services = [service_of(name) for name in names]
        batch.odd |= np.array([service.stream is not None and not service.in_columns for service in services])[index]
        tls = [(port := port_of("tcp", number)) is not None and bool(port.inside) for number in found.tolist()]
        batch.odd |= np.array(tls, np.bool_)[index]  # how long both were silent there matters
        numbers = np.array([self._tokens.number(f"service {name}") for name in names])[index]
        return numbers, np.array([service.in_columns for service in services])[index]

    def _digest(self, batch: Batch, streams: list[Tokened], salt: np.uint64, other: np.uint64) -> Longs:
        """For each flow, a number made of its tokens and their order."""
        row, place, token = (np.concatenate(column).astype(np.uint64) for column in zip(*streams, strict=True))
        key = row << _PLACE_BITS | np.minimum(place, _LAST_PLACE) << _TOKEN_BITS | token
        key.sort()
        row, token = (key >> _PLACE_BITS).astype(np.int64), key & _TOKEN
        first = np.searchsorted(row, batch.first)
        after = np.append(first[1:], len(row))
        position = (np.arange(len(row)) - np.repeat(first, after - first)).astype(np.uint64)
        mixed = (token + position * salt) * other
        mixed ^= mixed >> np.uint64(31)
        mixed *= salt
        mixed ^= mixed >> np.uint64(29)
        total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed)))
        digest: Longs = (total[after] - total[first]) * other
        return digest


def _control(batch: Batch) -> Tokened:
    """Tokens for SYN, FIN and RST, from which side, and whether with data."""
    rows = np.flatnonzero(batch.special)
    marks = (batch.flags[rows] & (SYN | FIN | RST | ACK)).astype(np.int64)
    marks += (batch.length[rows] > 0) * _WITH_DATA + batch.server[rows] * _FROM_SERVER
    return rows, np.zeros(len(rows), np.int64), marks + _CONTROL
