"""An exploration as a page: the outcome matrix in colour, the causes of red, and how far it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.explore.exploration import Found, Tally
from testbed.explore.occasions import covered
from testbed.explore.ran import Came as Outcome
from testbed.explore.reds import by_cause
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.explored.letters import LETTERS, NOT_TRIED
from testbed.report.explored.matrix import KINDS, Matrix, matrices
from testbed.report.explored.table import sums
from testbed.report.html.page import page


class Came(Struct, frozen=True):
    """What one run came to: a letter, a colour, a sentence."""

    letter: str
    mood: str
    means: str


class Row(Struct, frozen=True):
    """A point of a matrix; a cell has what each player's run came to, and is empty where the deed does not fit."""

    point: str
    cells: tuple[tuple[Came, ...], ...]


class MatrixView(Struct, frozen=True):
    """The single faults of a kind."""

    title: str
    deeds: tuple[str, ...]
    rows: tuple[Row, ...]


class CauseView(Struct, frozen=True):
    """Why runs were red, with the smallest scenario that shows it where one was made."""

    what: str
    faults: str
    times: int
    scenario: str


class PlayerView(Struct, frozen=True):
    """What an exploration of one player found."""

    name: str
    told: str
    phases: tuple[str, ...]
    causes: tuple[CauseView, ...]
    covered: str


class ExploredView(Struct, frozen=True):
    """The explorations of one scenario, side by side."""

    title: str
    file: str
    players: tuple[PlayerView, ...]
    matrices: tuple[MatrixView, ...]


_NONE = Came(NOT_TRIED, "none", "not tried: no time was left")


def exploration_html(several: Sequence[Sequence[Found]]) -> str:
    """The page of the explorations of some scenarios, each by the same players."""
    red = sum(len(by_cause(one.red)) for found in several for one in found)
    return page(
        "explored.html",
        title=f"{count(red, 'cause')} of red" if red else "Nothing was red",
        found=[_view(found) for found in several],
        legend=[Came(letter, style, means) for letter, style, means in LETTERS.values()],
    )


def _view(found: Sequence[Found]) -> ExploredView:
    scenario = found[0].scenario
    return ExploredView(
        printable(scenario.title),
        printable(scenario.file),
        tuple(map(_player, found)),
        tuple(_matrix(matrix, len(found)) for matrix in matrices(found)),
    )


def _matrix(matrix: Matrix, players: int) -> MatrixView:
    rows = tuple(
        Row(printable(str(point)), tuple(tuple(_cell(matrix.cells.get((point, deed)))) for deed in matrix.deeds))
        for point in matrix.points
    )
    return MatrixView(KINDS[matrix.kind], tuple(map(printable, matrix.deeds)), rows)


def _cell(cell: Sequence[Outcome | None] | None) -> Iterator[Came]:
    for came in cell or ():
        yield Came(*LETTERS[came]) if came is not None else _NONE


def _player(found: Found) -> PlayerView:
    small = {one.cause.name: str(one.written.scenario) for one in found.smallest if one.written is not None}
    causes = by_cause(found.red)
    left = sum(tally.not_tried for tally in found.tallies)
    told = count(found.played + found.known, "run") + (f", {left:,} not tried" if left else "")
    return PlayerView(
        name=printable(found.player or "ours"),
        told=f"{told}; {count(len(causes), 'cause')} of red" if found.is_explored else f"{told}; not explored",
        phases=tuple(_phase(tally) for tally in found.tallies[1:]),
        causes=tuple(
            CauseView(
                printable(f"{cause.breach.what}: {cause.breach.why}"),
                printable(" + ".join(map(str, cause.first.faults)) or "no fault"),
                cause.runs,
                printable(small.get(cause.name, "")),
            )
            for cause in causes
        ),
        covered=printable(covered(found.runs.values())) if found.is_explored else "",
    )


def _phase(tally: Tally) -> str:
    left = [f"{tally.not_tried:,} not tried: the time was up"] if tally.not_tried else []
    return printable(f"{tally.name}: {' · '.join([*sums(tally.came, tally.superfluous), *left])}")
