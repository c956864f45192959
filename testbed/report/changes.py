"""What changed since a reference trace, for people who read nothing but the log of a CI run."""

from __future__ import annotations

import shlex

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from testbed.baseline import NO_REFERENCE, NOT_OURS
from testbed.outcome import Outcome
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.command_line import CommandLine
from testbed.report.words import both_frames, followed
from testbed.trace.compare.difference import Difference

INDENT = 8
_MOST, _MOST_FOLLOWING = 8, 8


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, INDENT))


def changes(outcome: Outcome, *, whole: bool = False) -> RenderableType:
    """What changed, since which reference, how to look at it, how to accept it."""
    reference = printable(str(outcome.reference))
    first = outcome.changes[0].kind
    shown = outcome.changes if whole else outcome.changes[:_MOST]
    parts: list[RenderableType] = []
    if first not in (NO_REFERENCE, NOT_OURS):
        head = Text(f"{count(len(outcome.changes), 'difference')} from {reference}", "failed")
        parts.append(_indented(head.append(f" ({outcome.since})", "quiet")))
    parts.append(_indented(table(shown, whole=whole)))
    if len(shown) < len(outcome.changes):
        parts.append(_indented(Text(f"… and {len(outcome.changes) - len(shown)} more", "quiet")))
    if outcome.accepted:
        parts.append(_indented(Text(f"this trace is the reference from now on: {reference}", "held")))
        return Group(*parts)
    if first not in (NO_REFERENCE, NOT_OURS):
        trace = printable(str(outcome.played.trace))
        parts.append(CommandLine("to look:  ", f"testbed diff {shlex.quote(reference)} {shlex.quote(trace)}", INDENT))
    if outcome.reference is not None and first != NOT_OURS:
        folder, file = (shlex.quote(printable(str(path))) for path in (outcome.reference.parent, outcome.scenario.file))
        parts.append(CommandLine("to accept:", f"testbed run --baseline {folder} --update {file}", INDENT))
    return Group(*parts)


def table(differences: tuple[Difference, ...], *, whole: bool = False) -> Table:
    """Differences, one below the other, each with the frames of both traces and what follows from it.

    ``whole`` tells all that follows, not the first few.
    """
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for difference in differences:
        rows.add_row(Text("≠", "failed"), _told(difference))
        if not difference.follows:
            continue
        rows.add_row("", Text(followed(len(difference.follows)), "quiet"))
        told = difference.follows if whole else difference.follows[:_MOST_FOLLOWING]
        for one in told:
            rows.add_row("", _item(_told(one)))
        if more := len(difference.follows) - len(told):
            rows.add_row("", Text(f"  … and {more} more; -v shows them all", "quiet"))
    return rows


def _told(difference: Difference) -> Text:
    text = Text(printable(difference.text))
    if evidence := both_frames(difference.before, difference.now):
        text.append(f"  [{evidence}]", "quiet")
    return text


def _item(text: Text) -> Table:
    """A line of a list within a row."""
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=2, justify="right")
    row.add_column(overflow="fold")
    row.add_row(Text("·", "quiet"), text)
    return row
