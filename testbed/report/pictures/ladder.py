"""The ladder of one connection as values: three phases, each with what was said and what TCP did besides."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from testbed.report.pictures.values import Mood
from testbed.report.rungs import Rung, phase_of, places_shown, rungs
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.phase import PhaseSpan


class Step(Struct, frozen=True):
    """A rung, how long after the first packet, and whether TLS held by then.

    ``begins_tls`` is what TLS was, at the first rung it held for; ``""`` at all others.
    """

    rung: Rung
    after_ns: int
    secured: bool
    begins_tls: str = ""

    @property
    def mood(self) -> Mood:
        """How it went; what is nobody's failure has no colour of its own."""
        return _MOODS[self.rung.mood]


class Gap(Struct, frozen=True):
    """Rungs of a long ladder that are not shown."""

    rungs: int
    first_frame: int
    last_frame: int


class Section(Struct, frozen=True):
    """One phase."""

    phase: PhaseSpan
    steps: tuple[Step | Gap, ...]


class Ladder(Struct, frozen=True):
    """One connection."""

    number: int
    service: str
    client: str
    server: str
    outcome: str
    start_ns: int
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """Who with whom, and how it ended."""
        return f"#{self.number} {self.service} {self.client} → {self.server}: {self.outcome}"


def ladder(analysis: Analysis, connection: Connection, *, whole: bool = False) -> Ladder:
    """The ladder of a connection; ``whole`` cuts nothing."""
    steps = list(_steps(connection, rungs(analysis, connection, whole=whole), whole=whole))
    sections = groupby(_with_phases(connection, steps), key=lambda found: found[0])
    return Ladder(
        number=connection.number,
        service=connection.service or connection.transport.protocol,
        client=connection.client.label,
        server=f"{connection.server.label}:{connection.server.port}",
        outcome=connection.outcome,
        start_ns=connection.start_ns,
        sections=tuple(
            Section(connection.phases[place], tuple(step for _, step in found)) for place, found in sections
        ),
    )


def _steps(connection: Connection, found: list[Rung], *, whole: bool) -> Iterator[Step | Gap]:
    cited = {frame for finding in connection.findings for frame in finding.frames}
    shown = range(len(found)) if whole else places_shown(found, cited)
    hello = connection.tls.hello_frame if connection.tls is not None else None
    before, told = -1, False
    for place in shown:
        if place - before > 1:
            yield Gap(place - before - 1, found[before + 1].frame, found[place - 1].frame)
        rung, before = found[place], place
        secured = hello is not None and rung.frame >= hello
        begins = connection.tls.summary if secured and not told and connection.tls is not None else ""
        told = told or secured
        yield Step(rung, rung.time_ns - connection.start_ns, secured, begins)


def _with_phases(connection: Connection, steps: list[Step | Gap]) -> Iterator[tuple[int, Step | Gap]]:
    """Each with the phase it stands in; a gap stands with what comes behind it."""
    section, waiting = 0, list[Step | Gap]()
    for step in steps:
        waiting.append(step)
        if isinstance(step, Step):
            section = max(section, phase_of(connection, step.rung))
            yield from ((section, one) for one in waiting)
            waiting.clear()


_MOODS = {
    "": Mood.QUIET,
    "failed": Mood.FAILED,
    "warning": Mood.TEMPORARY,
    "lost": Mood.LOST,
    "quiet": Mood.UNKNOWN,
}
