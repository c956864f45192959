"""A connection, and the analysis it stands in: one that is followed live comes in many."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection is found, which its number tells alone.  It is analysed when it is looked at."""

    analysis: Analysis = field(compare=False, repr=False)
    number: int

    @property
    def connection(self) -> Connection:
        """What was understood of it."""
        return self.analysis.understanding.of(self.number).connection

    @property
    def first_frame(self) -> int:
        """The number of its first frame, which takes no analysis."""
        understanding, table = self.analysis.understanding, self.analysis.table
        flows = understanding.flows
        return table.frame_of(int(flows.order[flows.start[understanding.index(self.number)]]))

    @property
    def frames(self) -> frozenset[int]:
        """The numbers of its frames."""
        understanding, table = self.analysis.understanding, self.analysis.table
        return frozenset(map(table.frame_of, understanding.flows[understanding.index(self.number)].index))


def places(analysis: Analysis) -> list[Place]:
    """The connections of an analysis, in their order."""
    return [Place(analysis, number) for number in analysis.connections.numbers]
