"""Explorations as Markdown: a table for each kind of point, and below them what was broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from testbed.explore.candidate import Point
from testbed.explore.exploration import Found
from testbed.explore.occasions import covered
from testbed.explore.reds import by_cause
from testbed.plural import count
from testbed.report.compared.markdown_form import escaped
from testbed.report.explored.letters import LETTERS
from testbed.report.explored.matrix import KINDS, Matrix, matrices
from testbed.report.words import frames

_NOT_TRIED = "·"


def exploration_markdown(several: Iterable[Sequence[Found]]) -> str:
    """The explorations of some scenarios, each by the same players."""
    lines = [line for found in several for line in _scenario(found)]
    return "\n".join(lines).rstrip() + "\n"


def _scenario(found: Sequence[Found]) -> Iterator[str]:
    players = [one.player or "ours" for one in found]
    yield f"# {escaped(found[0].scenario.title)}"
    yield ""
    if len(players) > 1:
        yield f"The letters of a cell are those of {', '.join(map(escaped, players))}."
        yield ""
    for matrix in matrices(found):
        yield f"## {KINDS[matrix.kind].capitalize()}"
        yield ""
        yield from _table(matrix, len(players))
        yield ""
    for letter, _, means in LETTERS.values():
        yield f"- `{letter}` {means}"
    yield f"- `{_NOT_TRIED}` not tried: there is no such point, or no time was left"
    yield ""
    for player, one in zip(players, found, strict=True):
        yield from _told(player, one)


def _table(matrix: Matrix, players: int) -> Iterator[str]:
    yield "| | " + " | ".join(map(escaped, matrix.deeds)) + " |"
    yield "| --- |" + " --- |" * len(matrix.deeds)
    for point in matrix.points:
        yield (
            f"| {escaped(str(point))} | "
            + " | ".join(_cell(matrix, point, deed, players) for deed in matrix.deeds)
            + " |"
        )


def _cell(matrix: Matrix, point: Point, deed: str, players: int) -> str:
    cell = matrix.cells.get((point, deed))
    if cell is None:
        return ""
    return f"`{''.join(_NOT_TRIED if came is None else LETTERS[came][0] for came in cell)}`"


def _told(player: str, found: Found) -> Iterator[str]:
    causes = by_cause(found.red)
    tried = count(found.played + found.known, "run")
    left = sum(tally.not_tried for tally in found.tallies)
    words = f"{tried}, {left:,} not tried" if left else tried
    broken = (
        f"{count(len(causes), 'cause')} of red"
        if causes
        else "nothing was red"
        if found.is_explored
        else "not explored"
    )
    yield f"**{escaped(player)}**: {words}; {broken}."
    yield ""
    for cause in causes:
        cited = f" ({frames(cause.breach.frames)})" if cause.breach.frames else ""
        faults = escaped(" + ".join(map(str, cause.first.faults)) or "no fault")
        yield f"- {escaped(f'{cause.breach.what}: {cause.breach.why}')}{cited}, with {faults}"
    if causes:
        yield ""
    if found.is_explored:
        yield f"{escaped(covered(found.runs.values()))}."
        yield ""
