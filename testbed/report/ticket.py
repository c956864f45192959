"""A capture as Markdown, for tickets and mails: what became of the mail, why, and the dialogue of what failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.clock import LOCAL, Clock
from testbed.report.findings import MARKS
from testbed.report.markdown_text import block, code, plain
from testbed.report.pictures.forms import ladder_text
from testbed.report.pictures.headline import MOOD_MARKS, headline, told_by_end
from testbed.report.pictures.text import text
from testbed.report.pictures.values import Arrow, Mood, Way
from testbed.report.pictures.way import way
from testbed.report.timeline import account
from testbed.report.words import frame_range, frames
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection

_MOST_FINDINGS, _MOST_CONNECTIONS, _MOST_LADDERS = 30, 60, 3
_WENT_WRONG = (Mood.FAILED, Mood.LOST, Mood.REPEATED, Mood.TEMPORARY)


def ticket(analysis: Analysis, *, clock: Clock = LOCAL) -> str:
    """GitHub's and GitLab's Markdown; whatever strangers wrote is text in it."""
    found = way([analysis])
    parts = (
        _head(analysis, found, clock),
        _findings(analysis),
        _way(found, clock),
        _connections(analysis, clock),
        _ladders(analysis, found),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(analysis: Analysis, found: Way, clock: Clock) -> Iterator[str]:
    yield f"## {plain(headline(found))}"
    yield ""
    yield f"{code(printable(Path(analysis.path).name))}, {plain(account(analysis))}  "
    if analysis.start_ns:
        yield plain(clock.extent(analysis.start_ns, analysis.end_ns))
    for problem in analysis.problems:
        yield f"- {plain(problem)}"
    if len(found.ends) > 1:
        yield ""
    for end in found.ends if len(found.ends) > 1 else ():
        yield f"- {MOOD_MARKS[end.mood]} {plain(told_by_end(end))}"


def _findings(analysis: Analysis) -> Iterator[str]:
    if not analysis.findings:
        return
    yield from ("", "### Findings", "")
    for finding in analysis.findings[:_MOST_FINDINGS]:
        where = ", ".join(part for part in (frames(finding.frames), finding.reference) if part)
        yield f"- {MARKS[finding.severity][0]} {plain(finding.text)}" + (f" ({plain(where)})" if where else "")
    if len(analysis.findings) > _MOST_FINDINGS:
        yield f"- … and {count(len(analysis.findings) - _MOST_FINDINGS, 'more finding')}"


def _way(found: Way, clock: Clock) -> Iterator[str]:
    if found.rows:
        yield from ("", "### The way of the mail", "")
        yield from block(text(found, clock=clock).splitlines())


def _connections(analysis: Analysis, clock: Clock) -> Iterator[str]:
    numbers = analysis.connections.numbers
    if not numbers:
        return
    yield from ("", f"<details><summary>{count(len(numbers), 'connection')}</summary>", "")
    yield "| # | began | who | service | outcome | lasted | frames |"
    yield "| ---: | --- | --- | --- | --- | ---: | --- |"
    for connection in analysis.connections[:_MOST_CONNECTIONS]:
        yield _row(connection, clock)
    yield ""
    if len(numbers) > _MOST_CONNECTIONS:
        yield from (f"… and {count(len(numbers) - _MOST_CONNECTIONS, 'more connection')}", "")
    yield "</details>"


def _row(connection: Connection, clock: Clock) -> str:
    cells = (
        str(connection.number),
        clock.time(connection.start_ns),
        f"{connection.client.label} → {connection.server.label}:{connection.server.port}",
        connection.service or connection.transport.protocol,
        connection.outcome,
        span(connection.end_ns - connection.start_ns),
        frame_range(connection.first_frame, connection.last_frame).removeprefix("frames ").removeprefix("frame "),
    )
    return f"| {' | '.join(map(plain, cells))} |"


def _ladders(analysis: Analysis, found: Way) -> Iterator[str]:
    """The dialogue of those that went wrong: of those that went wrong alike, of the first."""
    wrong = [row for row in found.rows if isinstance(row, Arrow) and row.mood in _WENT_WRONG]
    first = {(row.source, row.target, row.said): row.connection for row in reversed(wrong)}
    numbers = list(analysis.connections.numbers)
    for number in sorted(first.values())[:_MOST_LADDERS]:
        yield from ("", f"<details><summary>Connection {number}, which went wrong</summary>", "")
        yield from block(ladder_text(analysis, analysis.connections[numbers.index(number)]).splitlines())
        yield from ("", "</details>")
