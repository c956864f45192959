"""An exploration for people: the matrix of single faults, what was broken, and how far it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testbed.explore.candidate import Point
from testbed.explore.exploration import Found
from testbed.explore.occasions import covered
from testbed.explore.ran import Came
from testbed.explore.reds import Cause, by_cause
from testbed.explore.smallest import Smallest
from testbed.explore.tried import Tried
from testbed.plural import count
from testbed.protocols.text import printable, shown
from testbed.report.explored.letters import LETTERS, NOT_TRIED
from testbed.report.explored.matrix import KINDS, Matrix, matrices
from testbed.report.words import frames

_MOST_NOT_OVER = 5


def exploration_table(out: Console, found: Sequence[Found]) -> None:
    """Print the explorations of one scenario, a player each."""
    scenario = found[0].scenario
    out.print(Text.assemble((printable(scenario.title), "bold"), (f"  {shown(scenario.file)}", "quiet")))
    used: dict[Came, None] = {}
    for matrix in matrices(found):
        _print_matrix(out, matrix, [one.player for one in found])
        used |= dict.fromkeys(came for cell in matrix.cells.values() for came in cell if came is not None)
    if used:
        out.print(_legend([came for came in LETTERS if came in used]))
    for one in found:
        _print_found(out, one, several=len(found) > 1)


def _print_matrix(out: Console, matrix: Matrix, players: Sequence[str]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", title_justify="left")
    table.add_column(Text(KINDS[matrix.kind], "bold"), no_wrap=True)
    names = ascii_letters[: len(matrix.deeds)]
    for name in names:
        table.add_column(name.ljust(len(players)), no_wrap=True)
    for point in matrix.points:
        table.add_row(printable(str(point)), *(_cell(matrix, point, deed, len(players)) for deed in matrix.deeds))
    out.print(table)
    what = "  ".join(f"{name} {deed}" for name, deed in zip(names, matrix.deeds, strict=False))
    who = f"  in each cell: {', '.join(player or 'ours' for player in players)}" if len(players) > 1 else ""
    out.print(Text(f"{what}{who}\n", "quiet"))


def _cell(matrix: Matrix, point: Point, deed: str, players: int) -> Text:
    cell = matrix.cells.get((point, deed), (None,) * players)
    return Text.assemble(*((NOT_TRIED, "") if came is None else LETTERS[came][:2] for came in cell))


def _legend(used: Sequence[Came]) -> Text:
    parts = (LETTERS[came] for came in used)
    return Text("   ", "quiet").join(Text.assemble((letter, style), f" {means}") for letter, style, means in parts)


def _print_found(out: Console, found: Found, *, several: bool) -> None:
    who = f"{found.player or 'ours'}: " if several else ""
    small = {one.cause.name: one for one in found.smallest}
    for cause in by_cause(found.red):
        if cause.name in found.known_causes:
            out.print(Text(f"x {who}{cause.breach.what}: known before ({count(cause.runs, 'run')})", "quiet"))
            continue
        for line in _cause(cause, small.get(cause.name), who):
            out.print(line)
    for tried in found.not_over[:_MOST_NOT_OVER]:
        words = f"{who}{_faults(tried)}: not over: {printable(tried.ran.error)}"
        out.print(Text.assemble(("E ", "error"), words))
    if len(found.not_over) > _MOST_NOT_OVER:
        out.print(Text(f"  … and {len(found.not_over) - _MOST_NOT_OVER} more that are not over", "quiet"))
    for words in _earlier(found):
        out.print(Text(f"{who}{words}"))
    for tally in found.tallies[1:]:
        out.print(Text.assemble((f"{who}{tally.name}: ", "bold"), " · ".join(sums(tally.came, tally.superfluous))))
        if tally.not_tried:
            out.print(Text(f"  {tally.not_tried:,} were not tried: the time was up", "changed"))
    if found.is_explored:
        out.print(Text(f"{who}{covered(found.runs.values())}", "quiet"))
    out.print(Text(f"{who}{_rate(found)}", "bold"))


def _cause(cause: Cause, small: Smallest | None, who: str) -> Iterator[Text]:
    times = f" ({count(cause.runs, 'run')})" if cause.runs > 1 else ""
    yield Text.assemble(("X ", "failed"), (f"{who}{cause.breach.what}", "bold"), times)
    cited = f"  [{frames(cause.breach.frames)}]" if cause.breach.frames else ""
    yield Text.assemble(f"    {cause.breach.why}", (cited, "quiet"))
    for fault in cause.first.faults:
        yield Text.assemble("    with ", printable(str(fault)))
    if small is not None and small.written is not None:
        again = f"  ({small.written.confirmed}, after {count(small.shrunk.plays, 'play')})"
        yield Text.assemble(("    as small as it gets: ", "quiet"), shown(small.written.scenario), (again, "quiet"))
    elif small is not None:
        yield Text("    played again, it was not red: what it came from is in runs.ndjson", "quiet")


def _earlier(found: Found) -> Iterator[str]:
    if found.set_aside is not None:
        yield f"the runs of another scenario or version are now in {shown(found.set_aside)}"
    if found.since is None or found.first is None:
        return
    if not found.since.runs:
        yield "there are no earlier results of this scenario: all is new"
        return
    same = len(found.since.same())
    fresh = count(len(found.candidates) - same, "single fault")
    yield f"tried first: {fresh} that earlier results lack, or at points that went otherwise; then {same:,} others"


def _faults(tried: Tried) -> str:
    return printable(" + ".join(map(str, tried.faults)) or "no fault")


def sums(came: Mapping[Came, int], superfluous: Mapping[str, int]) -> Iterator[str]:
    """What the runs of a phase came to, a few words each."""
    yield count(sum(came.values()), "run")
    yield from (f"{number:,} {one.value}" for one in LETTERS if (number := came.get(one, 0)))
    yield from (f"{number:,} left out: {why}" for why, number in superfluous.items() if number)


def _rate(found: Found) -> str:
    if not found.is_explored:
        why = "it was told to stop" if found.first is None else "its run without faults is not over"
        return f"not explored: {why}"
    parts = [count(found.played, "lab") + f" in {found.seconds:.0f} s"]
    if found.played and found.seconds >= 1:
        parts.append(f"{60 * found.played / found.seconds:,.0f} a minute")
    if found.known:
        parts.append(f"{found.known:,} known from before")
    parts.append(f"{count(len(by_cause(found.red)), 'cause')} of red" if found.red else "nothing was red")
    return " · ".join(parts)
