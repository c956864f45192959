"""The way of the mail, and ladders, as sequence diagrams for Mermaid: GitHub and GitLab draw them in tickets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable, shortened
from testbed.report.clock import LOCAL, Clock
from testbed.report.pictures.headline import MOOD_MARKS, headline, lasted, told_by_end, told_by_fold
from testbed.report.pictures.ladder import Gap, Ladder, Step
from testbed.report.pictures.values import Arrow, Mark, Mood, Row, Way

_MARKS = {**MOOD_MARKS, Mood.QUIET: ""}
_LONGEST = 100
_HARMLESS = re.compile(r"[^\w .,@/+='()\-–…·✓✗“”?!~]")
_KEYWORD = re.compile(r"\b(e)(nd)\b", re.I)  # closes a block, wherever it stands


def mermaid(way: Way) -> str:
    """A sequence diagram; whatever strangers wrote is text in it."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _way(way))]) + "\n"


def mermaid_ladder(ladder: Ladder, *, clock: Clock = LOCAL) -> str:
    """The same of one connection."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _ladder(ladder, clock))]) + "\n"


def _way(way: Way) -> Iterator[str]:
    yield f"title {_quoted(way.title)}"
    yield f"accDescr: {_quoted(headline(way))}"
    for place, lane in enumerate(way.lanes):
        yield f"participant h{place} as {_quoted(f'{lane.name} ({lane.role})')}"
    for row in way.rows:
        yield from _row(way, row)
    if way.lanes:
        over = f"h0,h{len(way.lanes) - 1}" if len(way.lanes) > 1 else "h0"
        for end in way.shown_ends:
            yield f"Note over {over}: {_quoted(f'{_MARKS[end.mood]} {told_by_end(end)}'.strip())}"
        if way.omitted:
            yield f"Note over {over}: {_quoted(way.omitted)}"


def _row(way: Way, row: Row) -> Iterator[str]:
    if isinstance(row, Arrow):
        tls = " with TLS" if row.secured else ""
        where = f"(#{row.connection} {row.by}{tls}, {lasted(row.time_ns - way.start_ns)})"
        for said in row.said:
            whom = f" ({shown})" if (shown := way.whom(said)) else ""
            told = f"{_MARKS[said.mood]} {said.text}{whom}".strip()
            yield f"h{row.source}{_shaft(row)}h{row.target}: {_quoted(told)} {_quoted(where)}"
        for fault in row.faults:
            yield f"Note over {_between(row.source, row.target)}: {_quoted(f'staged: {fault}')}"
    elif isinstance(row, Mark):
        yield f"Note over h{row.lane}: {_quoted(f'{_MARKS[row.mood]} {row.words(way.only_recipient)}'.strip())}"
    else:
        yield f"Note over {_between(0, len(way.lanes) - 1)}: {_quoted(told_by_fold(row))}"


def _between(one: int, other: int) -> str:
    return f"h{one}" if one == other else f"h{min(one, other)},h{max(one, other)}"


def _shaft(arrow: Arrow) -> str:
    if not arrow.arrives:
        return "-x"
    return "-->>" if arrow.mood in (Mood.LOST, Mood.UNKNOWN) else "->>"


def _ladder(ladder: Ladder, clock: Clock) -> Iterator[str]:
    yield f"title {_quoted(ladder.title)}"
    yield f"accDescr: {_quoted(f'{clock.dated(ladder.start_ns)}: {ladder.outcome}')}"
    yield f"participant c as {_quoted(ladder.client)}"
    yield f"participant s as {_quoted(ladder.server)}"
    for section in ladder.sections:
        yield f"Note over c,s: {section.phase.phase}, {span(section.phase.end_ns - section.phase.start_ns)}"
        for step in section.steps:
            yield from _gap(step) if isinstance(step, Gap) else _step(step)


def _gap(gap: Gap) -> Iterator[str]:
    yield f"Note over c,s: … {count(gap.rungs, 'rung')} not shown …"


def _step(step: Step) -> Iterator[str]:
    rung = step.rung
    if step.begins_tls:
        yield f"Note over c,s: {_quoted(f'TLS begins: {step.begins_tls}')}"
    one, other = ("c", "s") if rung.from_client else ("s", "c")
    shaft = "-x" if rung.lost else "-->>" if rung.tcp else "->>"
    told = f"{_MARKS[step.mood]} {rung.text}".strip() + (f" ({rung.note})" if rung.note else "")
    yield f"{one}{shaft}{other}: {_quoted(told)}"


def _quoted(text: str) -> str:
    """Text that is nothing but text: what means anything to Mermaid, or to HTML, is an entity by its number."""
    shown = _HARMLESS.sub(lambda found: f"#{ord(found[0])};", shortened(printable(text), _LONGEST))
    return _KEYWORD.sub(lambda found: f"#{ord(found[1])};{found[2]}", shown) or "#32;"
