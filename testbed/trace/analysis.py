"""The analysis of a whole capture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from testbed.pcap.capture import Capture
from testbed.pcap.table import PacketTable
from testbed.protocols.events import LabStarted
from testbed.protocols.tcp import flag_names
from testbed.trace.findings import find_in_capture, told_once
from testbed.trace.gathered import OF_A_CAPTURE, gathered
from testbed.trace.glance.summary import Summary, summarise
from testbed.trace.glance.together import together
from testbed.trace.model.finding import Finding
from testbed.trace.model.log import AnyEntry, lab_of
from testbed.trace.model.phase import Phase
from testbed.trace.tcp.events import event_names
from testbed.trace.understanding import Connections, Understanding
from testbed.trace.worth_judging import NOTHING_KNOWN, KnownElsewhere, worth_judging

if TYPE_CHECKING:
    from testbed.trace.authentication.judged import Account

PHASES = (None, Phase.HANDSHAKE, Phase.TRANSFER, Phase.CLOSURE)
LOST_INTERFACE = "lost"
ONE_BY_ONE = 1_000
"""Up to so many connections, each is analysed itself when a question concerns them all."""
_MOST_TOGETHER = 5_000  # connections compared for the account of messages
ANNOTATION = "testbed: "
"""Begins the comments we write ourselves; they are made anew, not repeated."""


class Labels(Struct, frozen=True):
    """What was understood of each row of the packet table.

    ``connection`` is its number, 0 for none; ``phase`` an index into :data:`PHASES`; ``events`` a mask of
    :class:`testbed.trace.tcp.events.Event`; ``step`` an index into ``steps``.
    """

    connection: NDArray[np.int32]
    phase: NDArray[np.int8]
    events: NDArray[np.int16]
    step: NDArray[np.int32]
    steps: tuple[str, ...]


class PacketRow(Struct, frozen=True):
    """One packet with its label.  Lengths are octets on the wire; ``connection`` is None where it belongs to none."""

    frame: int
    time_ns: int
    source: str
    destination: str
    length: int
    payload: int
    connection: int | None
    phase: Phase | None
    step: str
    tcp: tuple[str, ...]
    flags: str
    lost: bool
    comment: str


class Analysis(Struct, frozen=True, dict=True):
    """Everything the inspector understood of a capture.

    Connections are analysed when they are asked for; ``chosen`` are the numbers of those that are wanted, None for all.
    ``known`` is what DNS said elsewhere; ``in_pieces`` tells that this is one of a stream.
    """

    path: str
    frames: int
    start_ns: int
    end_ns: int
    names: dict[str, str]
    log: tuple[AnyEntry, ...]
    problems: tuple[str, ...]
    capture: Capture
    table: PacketTable
    understanding: Understanding
    chosen: tuple[int, ...] | None = None
    known: KnownElsewhere = NOTHING_KNOWN
    in_pieces: bool = False
    _summaries: list[Summary] = field(default_factory=list)

    @property
    def lab(self) -> LabStarted | None:
        """What a lab says of itself in the first entry of its trace; None for any other capture."""
        return lab_of(self.log)

    @cached_property
    def connections(self) -> Connections:
        """The connections, in order of their first packets."""
        return Connections(self.understanding, self.understanding.numbers if self.chosen is None else self.chosen)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What there is to say about the connections together, then about each; the first of every kind, and a sum."""
        return gathered(self.all_findings(), OF_A_CAPTURE)

    def all_findings(self) -> Iterator[Finding]:
        """What there is to say about the connections together, then about each, however much that is."""
        numbers = self.connections.numbers
        if len(numbers) > ONE_BY_ONE:
            summary = self.summary()
            remarkable = np.array([bool(kind.findings) for kind in summary.kinds], np.bool_)[summary.kind]
            numbers = [number for number in numbers if remarkable[self.understanding.index(number)]]
        each = Connections(self.understanding, numbers)
        yield from self.account
        yield from told_once((finding for connection in each for finding in connection.findings), self.account)

    @cached_property
    def account(self) -> tuple[Finding, ...]:
        """What there is to say about the connections together."""
        numbers = self.understanding.numbers
        if len(numbers) > ONE_BY_ONE:
            wanted = together(self.understanding.flows, self.summary())
            numbers = [number for number in numbers if wanted[self.understanding.index(number)]][:_MOST_TOGETHER]
        found = find_in_capture(Connections(self.understanding, numbers))
        if self.authentication is not None:
            from testbed.trace.authentication.findings import findings_of

            found = (*found, *findings_of(self.authentication))
        if self.chosen is None:
            return found
        chosen = set(self.chosen)
        return tuple(finding for finding in found if chosen & set(finding.connections))

    @cached_property
    def authentication(self) -> Account | None:
        """Who sent the messages, and may they; None where nothing tells, or for more than :data:`ONE_BY_ONE`.

        Of a redacted capture nothing tells: no signature fits what stands there instead.
        """
        few = len(self.understanding.numbers) <= ONE_BY_ONE
        if self.in_pieces or self.capture.redacted or len(self.connections) > ONE_BY_ONE:
            return None
        every = Connections(self.understanding, self.understanding.numbers) if few else self.connections
        if not worth_judging(every, answered=self.known.given or not few):
            return None
        from testbed.trace.authentication.account import account_of, answers_in
        from testbed.trace.authentication.answers import Answers

        told = answers_in(self.understanding, every if few else None)
        answers = Answers(told, self.known.zone, self.known.elsewhere)
        return account_of(self.understanding, self.connections, self.path, answers)

    def summary(self, jobs: int = 1) -> Summary:
        """What happened on every connection, chosen or not; ``jobs`` is how many processes may share the work."""
        if not self._summaries:
            self._summaries.append(summarise(self.understanding, jobs))
        return self._summaries[0]

    @cached_property
    def labels(self) -> Labels:
        """What was understood of every packet, as columns."""
        return _labels(self.table, self.understanding)

    def packets(self, connection: int | None = None) -> Iterator[PacketRow]:
        """Every packet in file order, or those of one connection; made one at a time."""
        if connection is not None:
            rows, labels = _labels_of(self.table, self.understanding, connection)
            for at, row in enumerate(rows):
                yield self._packet(int(self.table.row[row]), row, labels, at)
            return
        labels = self.labels
        at = 0  # the table's rows are in file order too
        for row in range(len(self.capture.frame)):
            if at < len(self.table) and self.table.row[at] == row:
                yield self._packet(row, at, labels, at)
                at += 1
            else:
                yield self._packet(row, None, labels, 0)

    def _packet(self, row: int, at: int | None, labels: Labels, label: int) -> PacketRow:
        """``at`` is the packet's row in the table, ``label`` its place in the labels."""
        capture, table = self.capture, self.table
        frame = int(capture.frame[row])
        lost = capture.interfaces[int(capture.interface[row])].name == LOST_INTERFACE
        if at is None:
            source = destination = flags = ""
            number, phase, step, events, payload = 0, None, "", 0, 0
        else:
            source, destination = (_end(*end) for end in table.ends(at))
            number, phase = int(labels.connection[label]), PHASES[int(labels.phase[label])]
            step, events = labels.steps[int(labels.step[label])], int(labels.events[label])
            flags = flag_names(int(table.flags[at])) if table.protocol[at] == 6 else ""
            payload = int(table.length[at])
        return PacketRow(
            frame=frame,
            time_ns=int(capture.time_ns[row]),
            source=source,
            destination=destination,
            length=int(capture.original[row]),
            payload=payload,
            connection=number or None,
            phase=phase,
            step=step,
            tcp=event_names(events),
            flags=flags,
            lost=lost,
            comment="; ".join(c for c in capture.comments.get(frame, ()) if not c.startswith(ANNOTATION)),
        )


def _end(address: str, port: int) -> str:
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _labels(table: PacketTable, understanding: Understanding) -> Labels:
    """The labels of all rows of the table."""
    connection, phase = np.zeros(len(table), np.int32), np.zeros(len(table), np.int8)
    events, step = np.zeros(len(table), np.int16), np.zeros(len(table), np.int32)
    words: dict[str, int] = {"": 0}
    for number in understanding.numbers:
        rows, mine = _labels_of(table, understanding, number)
        connection[rows], phase[rows], events[rows] = number, mine.phase, mine.events
        known = np.array([words.setdefault(text, len(words)) for text in mine.steps], np.int32)
        step[rows] = known[mine.step]
    return Labels(connection, phase, events, step, tuple(words))


def _labels_of(table: PacketTable, understanding: Understanding, number: int) -> tuple[list[int], Labels]:
    """The rows of one connection in file order, ICMP errors about it included, and their labels."""
    index = understanding.index(number)
    understood, flow = understanding.of(number), understanding.flows[index]
    texts: dict[str, int] = {}
    marks = [
        (row, PHASES.index(phase), events, texts.setdefault(step, len(texts)))
        for row, phase, events, step in zip(
            flow.index, understood.phases, understood.events, understood.steps, strict=True
        )
    ]
    for error in understanding.complaints.get(index, ()):
        last = PHASES.index(understood.phases[-1])
        marks.append((error.row, last, 0, texts.setdefault(error.what, len(texts))))
    marks.sort()
    rows, phase, events, step = (list(column) for column in zip(*marks, strict=True))
    return rows, Labels(
        np.full(len(rows), number, np.int32),
        np.array(phase, np.int8),
        np.array(events, np.int16),
        np.array(step, np.int32),
        tuple(texts),
    )
