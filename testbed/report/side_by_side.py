"""Two traces side by side: what corresponds stands in one row, and what differs is marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from testbed.durations import span
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.changes import table
from testbed.report.timeline import account
from testbed.trace.analysis import Analysis
from testbed.trace.compare.align import line_pairs
from testbed.trace.compare.aspects import between, differ
from testbed.trace.compare.comparison import Comparison
from testbed.trace.compare.values import CommandReply, Replies, Talk
from testbed.trace.model.connection import Closure

_SAME, _OTHER, _GONE, _NEW = " ", "≠", "−", "+"
_STYLES = {_SAME: "quiet", _OTHER: "warning", _GONE: "failed", _NEW: "held"}
_CONTEXT = 2  # rows shown around each that differs
_PSEUDO = {"connect": "(connects)", "message": "(the message)", "": "(unasked)"}

Row = tuple[str, str, str]  # what the first trace says, a mark, what the second says
_Event = tuple[str, str]  # where and when, and what: that alone is compared


def side_by_side(console: Console, before: Analysis, now: Analysis, compared: Comparison, *, whole: bool) -> None:
    """Print both traces.  ``whole`` shows what is the same, too."""
    for name, analysis in (("before", before), ("now", now)):
        line = Text.assemble((f"{name:<7}", "bold"), (printable(analysis.path), "host"))
        console.print(line.append(f"  {account(analysis)}", "quiet"))
        for problem in analysis.problems:
            console.print(Text(f"       ▲ {problem}", "warning"))
    for new, old in compared.hosts:
        told = f"       {printable(new)} is taken for what {printable(old)} was"
        console.print(Text(told, "info"))
    number = len(compared.differences)
    if compared.same:
        console.print(Text("Both say the same.", "held"))
    else:
        console.print(Text(f"\n{count(number, 'difference')}", "failed"))
        console.print(table(compared.differences, whole=whole))
    console.print()
    names = Path(before.path).name, Path(now.path).name
    for pair in compared.pairs:
        _talk(console, *pair, names, whole)


def _talk(console: Console, old: Talk | None, new: Talk | None, names: tuple[str, str], whole: bool) -> None:
    talk = new or old
    if talk is None:
        return
    who = f"{talk.client} → {talk.server} {talk.service}"
    if old is not None and new is not None and not any(between(old, new)):
        frames = "–".join(map(str, old.frames)), "–".join(map(str, new.frames))
        told = f"the same, {count(len(new.lines), 'exchange')}"
        head = Text.assemble(("  ", ""), (printable(who), "host"), (f"  {told}  [{frames[0]} | {frames[1]}]", "quiet"))
        console.print(head)
        if not whole:
            return
    else:
        mark = _OTHER if old is not None and new is not None else _GONE if old is not None else _NEW
        words = {_OTHER: "", _GONE: "  only before", _NEW: "  only now"}[mark]
        console.print(Text.assemble((f"{mark} {printable(who)}", _STYLES[mark]), (words, "quiet")))
    rows = list(_rows(old, new))
    console.print(Padding(_table(rows if whole else list(_shortened(rows)), names, console.width - 2), (0, 0, 1, 2)))


def _table(rows: Sequence[Row], names: tuple[str, str], width: int) -> RenderableType:
    column = max(16, (width - 5) // 2)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=column, overflow="fold")
    table.add_column(width=1)
    table.add_column(width=column, overflow="fold")
    heads = (Text(printable(name), "quiet", no_wrap=True, overflow="ellipsis") for name in names)
    table.add_row(next(heads), "", next(heads))
    for left, mark, right in rows:
        style = _STYLES[mark]
        table.add_row(Text(printable(left), style), Text(mark, style), Text(printable(right), style))
    return table


def _rows(old: Talk | None, new: Talk | None) -> Iterator[Row]:
    yield _row(_opening(old), _opening(new))
    if (old and old.tls) or (new and new.tls):
        yield _row(*(("", str(talk.tls)) if talk and talk.tls else None for talk in (old, new)))
    loose = bool((old and old.loose) or (new and new.loose))
    for one, other in line_pairs(old.lines if old else (), new.lines if new else ()):
        if one is not None and other is not None:
            yield _line(one), _OTHER if differ(one, other, loose) else _SAME, _line(other)
        elif one is not None:
            yield _line(one), _GONE, ""
        elif other is not None:
            yield "", _NEW, _line(other)
    yield _row(_closing(old), _closing(new))


def _row(old: _Event | None, new: _Event | None) -> Row:
    mark = _GONE if new is None else _NEW if old is None else _OTHER if old[1] != new[1] else _SAME
    left, right = ("  ".join(filter(None, event or ())) for event in (old, new))
    return left, mark, right


def _opening(talk: Talk | None) -> _Event | None:
    if talk is None:
        return None
    times = f", {talk.opened} SYNs" if talk.opened > 1 else ""
    return f"{talk.frames[0]} +{span(talk.start_ns)}", f"handshake {talk.handshake}{times}"


def _closing(talk: Talk | None) -> _Event | None:
    if talk is None:
        return None
    verb = "left" if talk.ending.closure is Closure.OPEN else "closed"
    return f"{talk.closing[-1]} +{span(talk.end_ns)}", f"{verb} {talk.ending}"


def _line(line: CommandReply) -> str:
    said = f"{_PSEUDO.get(line.verb, line.verb)} {line.argument}".strip()
    if "(size)" in said:
        said = said.replace("(size)", str(line.octets))
    elif line.octets:
        said += f" {line.octets:,} octets"
    answer = f"{Replies(line.reply.statuses)} {line.words}".strip() if line.reply else "no reply"
    return f"{line.frames[0] if line.frames else '–'}  {said} → {answer}  ({span(line.waited_ns)})"


def _shortened(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows that differ and those around them."""
    near = {
        at
        for number, (_, mark, _) in enumerate(rows)
        if mark != _SAME
        for at in range(number - _CONTEXT, number + _CONTEXT + 1)
    }
    left_out = 0
    for number, row in enumerate(rows):
        if number in near:
            if left_out:
                yield f"… {left_out} the same", _SAME, "…"
            left_out = 0
            yield row
        else:
            left_out += 1
    if left_out:
        yield f"… {left_out} the same", _SAME, "…"
