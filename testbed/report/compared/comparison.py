"""What each of several players made of the same scenarios: a row a scenario, a cell a player."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from testbed.expect.fates import attempts_s, fates, told
from testbed.explore.ran import Breach
from testbed.outcome import Outcome, Result
from testbed.protocols import events
from testbed.protocols.text import printable
from testbed.report.failures import failures
from testbed.report.run import why_skipped
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

OURS = "ours"
"""The player that is the lab's own."""

_SMUGGLED = "smuggled"  # the finding
_LISTED = 12  # attempts that are told one by one


class Cell(Struct, frozen=True):
    """What became of a scenario with one player.

    ``words`` are the fates of its mail, or why it says nothing of them: ``skipped``, ``not over``; ``why`` says more of
    these two.  ``attempts_s`` are the times of the player's connections to other mail servers, in seconds since it was
    offered mail.  ``trace`` is the name of its file.
    """

    player: str
    result: Result
    words: str
    attempts_s: tuple[float, ...] = ()
    breaches: tuple[Breach, ...] = ()
    why: str = ""
    trace: str = ""

    @property
    def tells(self) -> bool:
        """Whether it was played to its end."""
        return self.result in (Result.HELD, Result.FAILED)


class Row(Struct, frozen=True):
    """One scenario, by its file, case and title as they are written, with a cell for each player in their order."""

    file: str
    case: str
    title: str
    rfc: str
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether the players' mail ended differently, or something was broken."""
        return len({cell.words for cell in self.cells if cell.tells}) > 1 or any(cell.breaches for cell in self.cells)

    @property
    def is_played(self) -> bool:
        """Whether anybody but the lab's own has played it to its end."""
        return any(cell.tells for cell in self.cells if cell.player != OURS)


class Comparison(Struct, frozen=True):
    """``part`` is what the players play: ``relay``.  ``titles`` says who they are and in which version, in words."""

    part: str
    players: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[Row, ...]


def cell(player: str, outcome: Outcome, hosts: Iterable[str]) -> Cell:
    """What became of a scenario in which the player was these hosts."""
    trace = Path(outcome.played.trace).name if outcome.played.trace else ""
    if outcome.result is Result.SKIPPED:
        return Cell(player, outcome.result, "skipped", why=printable(why_skipped(outcome)), trace=trace)
    analysis = outcome.analysis
    if outcome.result is Result.ERROR or analysis is None:
        return Cell(player, outcome.result, "not over", why=printable(outcome.played.cause), trace=trace)
    found = [
        Breach(printable(failure.what), printable(failure.why), failure.frames[:_LISTED])
        for failure in failures(outcome)
    ]
    hosts = frozenset(hosts)
    words = [told(fates(analysis)) or "no mail taken", *_ends(analysis, hosts)]
    return Cell(
        player,
        outcome.result,
        printable("; ".join(words)),
        attempts_s(analysis, hosts)[:_LISTED],
        tuple(found),
        trace=trace,
    )


def _ends(analysis: Analysis, hosts: frozenset[str]) -> list[str]:
    """What else became of it: who was smuggled through, and which program did not last."""
    died = [entry for entry in of(analysis.log, events.Exited) if entry.event.plays in hosts]
    ate = [entry for entry in of(analysis.log, events.Exhausted) if entry.host in hosts]
    fell = any(one.code == _SMUGGLED for one in analysis.findings)
    return [
        *(["smuggled through"] if fell else []),
        *(["its program ended"] if died else []),
        *(["it took more than it may"] if ate else []),
    ]


def broken(rows: Sequence[Row]) -> int:
    """How many cells have a breach."""
    return sum(bool(cell.breaches) for row in rows for cell in row.cells)
