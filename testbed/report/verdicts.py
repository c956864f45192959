"""The results of a run, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from testbed.expect import Verdict
from testbed.outcome import Outcome, Result
from testbed.protocols.text import printable, shown
from testbed.report.changes import changes
from testbed.report.run import remedy, why_skipped
from testbed.report.words import frames


def outcome(result: Outcome, *, whole: bool) -> RenderableType:
    """One scenario: a line, and below it the expectations (``whole``) or only those that failed."""
    head = Text.assemble(
        (f"{result.result:<7} ", str(result.result)),
        (result.scenario.title, "bold"),
        (f"  {result.played.seconds:.2f} s  {shown(result.scenario.file)}", "quiet"),
        (f"  {len(result.not_judged)} not judged" if result.not_judged else "", "not_judged"),
    )
    parts: list[RenderableType] = [head]
    if result.played.error:
        parts.append(Padding(Text(_lines(result.played.error), "error"), (0, 0, 0, 8)))
    elif result.result is Result.SKIPPED:
        parts.append(Padding(Text(why_skipped(result), "skipped"), (0, 0, 0, 8)))
    if result.judgement is not None and result.result in (Result.HELD, Result.FAILED):
        verdicts = [*result.judgement.expectations, *result.judgement.always]
        told = verdicts if whole else [verdict for verdict in verdicts if not verdict.held or not verdict.judged]
        if told:
            parts.append(Padding(_table(told, result.scenario.file), (0, 0, 0, 8)))
    if result.changes:
        parts.append(changes(result))
    return Group(*parts)


def _table(verdicts: Sequence[Verdict], file: str) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for verdict in verdicts:
        mark = Text("✓", "held") if verdict.held else Text("✗", "failed")
        mark = mark if verdict.judged else Text("?", "not_judged")
        cited = frames(verdict.frames)
        why = Text(_lines(verdict.why), "" if not verdict.held else "quiet")
        if cited:
            why.append(f"  [{cited}]", "quiet")
        if not verdict.held and verdict.line:
            why.append(f"  {shown(verdict.file or file)}:{verdict.line}", "info")
        table.add_row(mark, printable(verdict.what), why)
    return table


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def summary(
    console: Console, outcomes: Sequence[Outcome], seconds: float, folder: Path | None, refused: int = 0
) -> None:
    """The last lines of a run; ``refused`` of them were not played, as they are a stranger's and run programs."""
    counts = Counter(result.result for result in outcomes)
    partly = sum(bool(result.not_judged) for result in outcomes)
    text = Text()
    for kind in Result:
        if counts[kind]:
            text.append(f"{counts[kind]} {kind}", str(kind))
            if kind is Result.HELD and partly:
                text.append(f" ({partly} of them not judged in full)", "not_judged")
            if kind is Result.ERROR and refused:
                text.append(f" ({refused} of them refused)", "error")
            text.append(" · ")
    text.append(f"{seconds:.2f} s")
    console.print(text)
    if missing := remedy(outcomes):
        console.print(Text(missing, "not_judged"), soft_wrap=True)
    if folder is not None:
        console.print(Text(f"traces in {shown(folder)}", "quiet"), soft_wrap=True)
