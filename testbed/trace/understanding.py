"""The connections of a capture, each analysed when it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import overload

from testbed.pcap.table import PacketTable
from testbed.protocols.tcp import parse_options
from testbed.trace.connection import Source, Understood, understand
from testbed.trace.decryption import Decrypted
from testbed.trace.findings import find_in_connection
from testbed.trace.flows import Flows
from testbed.trace.icmp import Complaint
from testbed.trace.model import Connection

_KEPT = 256  # connections analysed last, which are likely to be asked for again


class Understanding:
    """Analyses flows on demand.  ``complaints`` are the ICMP errors by the number of the flow they concern, from 0."""

    def __init__(
        self,
        table: PacketTable,
        flows: Flows,
        names: Mapping[str, str],
        complaints: dict[int, list[Complaint]],
        decrypted: Decrypted,
        show_credentials: bool = False,
    ) -> None:
        self.flows = flows
        self.complaints = complaints
        self.decrypted = decrypted
        options = lambda row: parse_options(table.options(row))  # noqa: E731
        self._source = Source(table.octets, options, names, decrypted, show_credentials)
        self._kept: OrderedDict[int, Understood] = OrderedDict()

    def of(self, number: int) -> Understood:
        """What is understood of the connection with a number, which is from 1."""
        kept = self._kept.get(number)
        if kept is None:
            found = understand(number, self.flows[number - 1], self._source, number - 1 in self.complaints)
            connection = replace(found.connection, findings=find_in_connection(found.connection))
            kept = self._kept[number] = replace(found, connection=connection)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept


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
