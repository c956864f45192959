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
from testbed.report.findings import findings
from testbed.report.run import remedy, why_skipped
from testbed.report.words import frames


def headline(result: Outcome) -> Text:
    """One scenario in a line."""
    return Text.assemble(
        (f"{result.result:<7} ", str(result.result)),
        (result.scenario.title, "bold"),
        (f"  {result.played.seconds:.2f} s  {shown(result.scenario.file)}", "quiet"),
        (f"  {len(result.not_judged)} not judged" if result.not_judged else "", "not_judged"),
    )


def outcome(result: Outcome, *, found: bool = False) -> RenderableType:
    """One scenario: a line, and below it every expectation, with ``found`` also what the inspector says of it.

    Why something is red is told at the end of a run (:mod:`testbed.report.what_failed`).
    """
    parts: list[RenderableType] = [headline(result)]
    if result.result is Result.SKIPPED:
        parts.append(_below(Text(_lines(why_skipped(result)), "skipped")))
    if result.judgement is not None and result.result in (Result.HELD, Result.FAILED):
        parts.append(_below(_table([*result.judgement.expectations, *result.judgement.always])))
    if result.changes and result.result is Result.HELD:
        parts.append(changes(result))
    if found and result.findings:
        parts.append(_below(findings(result.findings)))
    return Group(*parts)


def not_judged(result: Outcome) -> RenderableType:
    """What of a scenario could not be seen."""
    return _below(_table(result.not_judged))


def _below(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 8))


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for verdict in verdicts:
        mark = Text("✓", "held") if verdict.held else Text("✗", "failed")
        mark = mark if verdict.judged else Text("?", "not_judged")
        why = Text(_lines(verdict.why) if verdict.held else "see below", "quiet")
        if verdict.held and (cited := frames(verdict.frames)):
            why.append(f"  [{cited}]", "quiet")
        table.add_row(mark, printable(verdict.what), why)
    return table


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def why_skipped_together(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Each reason for which scenarios were skipped, once, with how many."""
    reasons = Counter(why_skipped(one) for one in outcomes if one.result is Result.SKIPPED)
    for why, times in reasons.items():
        console.print(Text.assemble((f"{times} skipped: ", "skipped"), printable(why)))


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
