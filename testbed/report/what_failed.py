"""The end of a red run: all that failed, once more and in full, for people who have not watched it go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.outcome import Outcome, Result
from testbed.plural import count
from testbed.protocols.text import printable, shown
from testbed.report.changes import changes
from testbed.report.command_line import CommandLine
from testbed.report.failures import Failure, failures
from testbed.report.findings import findings
from testbed.report.printed import printed
from testbed.report.run import inspect_command
from testbed.report.words import frames

_MOST_SCENARIOS, _MOST_FINDINGS, _MOST_LINES = 20, 5, 10
_INDENT = 2


def red(outcome: Outcome) -> bool:
    """Whether a run is red for this scenario."""
    return outcome.result in (Result.FAILED, Result.ERROR)


def what_failed(console: Console, outcomes: Sequence[Outcome], *, whole: bool = False) -> None:
    """Print it, nothing for a run without red.  ``whole`` tells of all, not of the first twenty."""
    reds = [outcome for outcome in outcomes if red(outcome)]
    if not reds:
        return
    console.print()
    console.print(Rule(Text("what failed", "failed"), align="left", style="quiet"))
    told = reds if whole else reds[:_MOST_SCENARIOS]
    for number, outcome in enumerate(told):
        if number:
            console.print()
        console.print(Group(*_account(outcome)), crop=False)  # commands to copy stay whole
    for outcome in reds[len(told) :]:
        console.print(_head(outcome))
    if more := len(reds) - len(told):
        console.print(Text(f"{count(more, 'scenario')} told in a line; -v shows them all in full", "quiet"))
    console.print()


def _head(outcome: Outcome) -> Text:
    title, file = printable(outcome.scenario.title), shown(outcome.scenario.file)
    return Text.assemble(("✗ ", "failed"), (title, "bold"), (f"  {file}", "quiet"))


def _account(outcome: Outcome) -> Iterator[RenderableType]:
    yield _head(outcome)
    for failure in failures(outcome, changed=False):
        yield Padding(_failure(failure), (0, 0, 0, _INDENT))
    if outcome.changes:
        yield changes(outcome)
    if outcome.findings:
        yield Padding(Text("the inspector says", "quiet"), (0, 0, 0, _INDENT))
        yield Padding(findings(outcome.findings[:_MOST_FINDINGS]), (0, 0, 0, 2 * _INDENT))
        if (more := len(outcome.findings) - _MOST_FINDINGS) > 0:
            yield Padding(Text(f"… and {count(more, 'more finding')}", "quiet"), (0, 0, 0, 2 * _INDENT))
    for who, lines in printed(outcome, _MOST_LINES).items():
        yield Padding(Text(f"the end of what {printable(who)} printed", "quiet"), (0, 0, 0, _INDENT))
        yield from (Padding(Text(printable(line)), (0, 0, 0, 2 * _INDENT)) for line in lines)
    if outcome.played.trace:
        yield CommandLine("trace  ", str(outcome.played.trace), _INDENT)
        yield CommandLine("look   ", inspect_command(outcome), _INDENT)


def _failure(failure: Failure) -> RenderableType:
    """Where and what was expected, as it is written, and beside labels what was seen instead."""
    parts: list[RenderableType] = [Text.assemble((failure.place, "info"), "  ", (failure.what, "bold"))]
    parts += [Padding(Text(line), (0, 0, 0, 2 * _INDENT)) for line in failure.written]
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    why = Text(failure.why)
    if failure.frames:
        why.append(f"  [{frames(failure.frames)}]", "quiet")
    table.add_row(Text("seen  ", "failed"), why)
    for line in failure.detail:
        table.add_row("", Text(line))
    if failure.remedy:
        table.add_row(Text("remedy", "warning"), Text(failure.remedy))
    return Group(*parts, Padding(table, (0, 0, 0, _INDENT)))
