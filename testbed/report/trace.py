"""An annotated trace for people: findings first, then hosts' logs and connections on one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.text import printable
from testbed.report.clock import LOCAL, Clock
from testbed.report.findings import MARKS, findings
from testbed.report.journeys import told_journeys
from testbed.report.ladder import ladder
from testbed.report.letters import carried
from testbed.report.rungs import packets_of_note
from testbed.report.timeline import account, is_question, items, vital_signs, worst_of
from testbed.trace.analysis import Analysis
from testbed.trace.directions import hops
from testbed.trace.journeys import journeys, legs_of
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import AnyEntry, LogEntry

if TYPE_CHECKING:
    from testbed.trace.authentication.judged import Account

_MOST_CONNECTIONS = 200


def trace_report(console: Console, analysis: Analysis, *, whole: bool = False, clock: Clock = LOCAL) -> None:
    """Print the report.  ``whole`` shows every connection and every line of long replies."""
    console.print(Rule(Text(printable(Path(analysis.path).name), "bold"), align="left", style="quiet"))
    head(console, (analysis.start_ns, analysis.end_ns), clock, account(analysis))
    if ways := hops(analysis.connections).describe():
        console.print(Text(ways, "quiet"))
    for problem in analysis.problems:
        console.print(Text(f"▲ {problem}", "warning"))
    told = told_journeys(journeys(leg for c in analysis.connections for leg in legs_of(c, analysis.path)), clock)
    if told.row_count:
        console.print()
        console.print(told)
    if analysis.findings:
        console.print()
        console.print(findings(analysis.findings, whole=whole))
    if analysis.authentication is not None and analysis.authentication.omitted:
        console.print(Text(f"… {analysis.authentication.omitted}", "quiet"))
    shown = analysis.connections if whole else analysis.connections[:_MOST_CONNECTIONS]
    _timeline(console, analysis, shown, clock, whole)
    hidden = len(analysis.connections) - len(shown)
    if hidden:
        console.print(Text(f"… and {count(hidden, 'connection')} more; -v shows them all", "quiet"))


def findings_again(console: Console, analysis: Analysis) -> None:
    """The findings once more, where those at the head have scrolled away."""
    console.print(Rule(Text("found above", "bold"), align="left", style="quiet"))
    console.print(findings(analysis.findings))


def head(console: Console, extent_ns: tuple[int, int], clock: Clock, words: str) -> None:
    """When a capture was taken, and what it holds in a line."""
    if any(extent_ns):
        console.print(Text(clock.extent(*extent_ns), "quiet"))
    console.print(Text(words, "quiet"))


def _timeline(
    console: Console, analysis: Analysis, connections: Sequence[Connection], clock: Clock, whole: bool
) -> None:
    """Log entries and connections by when they began, a blank line around each ladder, the date where it changes."""
    day, apart = clock.day(analysis.start_ns), True
    for item, time_ns in items(analysis, connections):
        is_line = isinstance(item, LogEntry) or (is_question(item) and not whole)
        if apart or not is_line:
            console.print()
        if clock.day(time_ns) != day:
            day = clock.day(time_ns)
            console.print(Text(day, "bold"))
        if isinstance(item, LogEntry):
            console.print(_log_line(item, clock))
        elif is_line:
            console.print(_one_line(item, clock))
        else:
            console.print(header(item, clock, console.width, whole=whole, account=analysis.authentication))
            rungs = ladder(item, packets_of_note(analysis, item), console.width - 2, whole=whole)
            console.print(Padding(rungs, (0, 0, 0, 2), expand=False))
        apart = not is_line
    console.print()


def ended(connection: Connection, clock: Clock) -> Table:
    """A connection that has ended, in a line, with the codes of its findings."""
    style = _style(connection)
    codes = ", ".join(dict.fromkeys(finding.code for finding in connection.findings))
    text = Text.assemble(
        (f"#{connection.number} {connection.service or connection.transport.protocol} ", "bold"),
        (f"{connection.client.label} → {connection.server.label}: ", "host"),
        (connection.outcome, style),
        (f"  {codes}" if codes else "", style),
        (f"  [{connection.first_frame}–{connection.last_frame}]", "quiet"),
    )
    return _at(connection.start_ns, clock, text)


def _one_line(connection: Connection, clock: Clock) -> Table:
    text = Text.assemble(
        (f"{connection.client.label} → {connection.server.label}: ", "host"),
        (connection.outcome, _style(connection)),
        (f"  [{connection.first_frame}–{connection.last_frame}]", "quiet"),
    )
    return _at(connection.start_ns, clock, text)


def _style(connection: Connection, harmless: str = "") -> str:
    """The style of the worst finding, or that of a connection without any."""
    worst = worst_of(connection)
    return MARKS[worst][1] if worst else harmless


def _at(time_ns: int, clock: Clock, text: Text) -> Table:
    """A line of the timeline; what does not fit goes on below the text, not below the time."""
    table, time = Table.grid(padding=(0, 1, 0, 0)), clock.time(time_ns)
    table.add_column(width=cell_len(time))
    table.add_column(overflow="fold")
    table.add_row(Text(time, "quiet"), text)
    return table


def header(
    connection: Connection, clock: Clock, width: int, *, whole: bool = False, account: Account | None = None
) -> Table:
    """The outcome of a connection in one line, below it its vital signs, and what it carried and who sent that."""
    text = Text.assemble(
        (f"{connection.service or connection.transport.protocol} ", "bold"),
        (connection.client.label, "host"),
        " → ",
        (f"{connection.server.label}:{connection.server.port}", "host"),
        "  ",
        (connection.outcome, _style(connection, "held")),
    )
    table, number = Table.grid(padding=(0, 1, 0, 0)), f"#{connection.number}"
    table.add_column(width=len(number))
    table.add_column(overflow="fold")
    table.add_row(Text(number, "bold"), text)
    table.add_row("", Text(_flowing(vital_signs(connection, clock), width - len(number) - 1), "quiet"))
    for line in carried(connection, whole=whole, account=account):
        table.add_row("", Text(line))
    return table


def _flowing(signs: Sequence[str], width: int) -> str:
    """Signs with dots between them, in lines that break none where that can be helped."""
    lines = [signs[0]]
    for sign in signs[1:]:
        joined = f"{lines[-1]} · {sign}"
        if cell_len(joined) > width:
            lines.append(sign)
        else:
            lines[-1] = joined
    return "\n".join(lines)


def _log_line(entry: AnyEntry, clock: Clock) -> Table:
    style = "lost" if isinstance(entry.event, events.Fault) else "bold" if isinstance(entry.event, events.Step) else ""
    text = Text.assemble((f"{entry.host}: ", "host"), (entry.message, style), (f"  [{entry.frame}]", "quiet"))
    return _at(entry.time_ns, clock, text)
