"""The connections of a capture, each analysed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np
from msgspec.structs import replace

from testbed.pcap.condition import conditions, contents, hops_left, identifications
from testbed.pcap.table import PacketTable
from testbed.protocols.tcp import parse_options
from testbed.trace.dissection import Objection, PacketSource, Understood, received, understand
from testbed.trace.findings import find_in_connection
from testbed.trace.flows import Flow, Flows
from testbed.trace.icmp import Complaint
from testbed.trace.model.connection import Connection, Endpoint
from testbed.trace.staged import NOTHING, Staged, excused
from testbed.trace.tls.decryption import Decrypted

_KEPT = 4_096  # connections that are analysed once


class Understanding:
    """Analyses flows on demand.

    ``complaints`` are the ICMP errors by the number of the flow they concern, from 0; ``deeds`` what a lab has staged;
    ``end_ns`` is when the capture ends.
    """

    def __init__(
        self,
        table: PacketTable,
        flows: Flows,
        names: Mapping[str, str],
        complaints: dict[int, list[Complaint]],
        decrypted: Decrypted,
        show_credentials: bool = False,
        deeds: Staged = NOTHING,
        end_ns: int = 1 << 62,
    ) -> None:
        self.flows = flows
        self._deeds = deeds
        self.complaints = complaints
        self.decrypted = decrypted
        options = lambda row: parse_options(table.options(row))  # noqa: E731
        conditions_of = lambda rows: conditions(table, np.array(rows, np.int64)).tolist()  # noqa: E731
        numbers_of = lambda rows: identifications(table, np.array(rows, np.int64)).tolist()  # noqa: E731
        self._source = PacketSource(
            table.octets,
            options,
            names,
            decrypted,
            show_credentials,
            conditions=conditions_of,
            numbers=numbers_of,
            contents=lambda rows: contents(table, np.array(rows, np.int64)),
            end_ns=end_ns,
            hops=lambda rows: hops_left(table, np.array(rows, np.int64)).tolist(),
        )
        self._kept: dict[int, Understood] = {}
        self._indices: dict[int, int] | None = None

    def renumber(self, indices: dict[int, int]) -> None:
        """Number some flows in another way than from 1; ``indices`` are their places by their numbers."""
        self._indices = indices
        self._kept.clear()

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of all connections, in order of their first packets."""
        return range(1, len(self.flows) + 1) if self._indices is None else list(self._indices)

    def index(self, number: int) -> int:
        """The place of a connection among the flows."""
        return number - 1 if self._indices is None else self._indices[number]

    def ends(self, number: int) -> tuple[Endpoint, Endpoint]:
        """Client and server of a connection."""
        client, server = self.flows.ends(self.index(number))
        return self._source.endpoint(client), self._source.endpoint(server)

    def of(self, number: int) -> Understood:
        """What is understood of a connection."""
        kept = self._kept.get(number)
        if kept is None:
            kept = self._understand(number, self.index(number))
            if len(self._kept) >= _KEPT:  # all are gone through again and again: the newest is asked for last
                self._kept.popitem()
            self._kept[number] = kept
        return kept

    def at(self, index: int) -> Connection:
        """The connection at a place among the flows, numbered or not."""
        return self._understand(index + 1, index).connection

    def received(self, index: int) -> Flow:
        """The flow at a place, without the packets that their receiver discarded."""
        return received(self.flows[index], self._source)

    def _objections(self, index: int) -> list[Objection]:
        table = self.flows.table
        return [
            Objection(int(table.frame_of(error.row)), error.what, error.is_final)
            for error in self.complaints.get(index, ())
        ]

    def _understand(self, number: int, index: int) -> Understood:
        found = understand(number, index, self.flows[index], self._source, self._objections(index))
        findings = excused(find_in_connection(found.connection), found.connection, self._deeds)
        return replace(found, connection=replace(found.connection, findings=findings))


class Connections(Sequence[Connection]):
    """Some connections of a capture, by number.  Each is analysed when it is asked for, and not kept for long."""

    def __init__(self, understanding: Understanding, numbers: Sequence[int]) -> None:
        self._understanding = understanding
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Connection: ...
    @overload
    def __getitem__(self, index: slice) -> Connections: ...
    def __getitem__(self, index: int | slice) -> Connection | Connections:
        if isinstance(index, slice):
            return Connections(self._understanding, self.numbers[index])
        return self._understanding.of(self.numbers[index]).connection

    def __iter__(self) -> Iterator[Connection]:
        return (self._understanding.of(number).connection for number in self.numbers)
