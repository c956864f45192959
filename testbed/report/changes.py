"""What changed since a reference trace, for people who read nothing but the log of a CI run."""

from __future__ import annotations

import shlex

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from testbed.baseline import NO_REFERENCE, NOT_OURS
from testbed.outcome import Outcome
from testbed.protocols.text import printable
from testbed.report.words import frames
from testbed.trace.semantics.difference import Difference

_MOST = 8


def changes(outcome: Outcome, *, whole: bool = False) -> RenderableType:
    """What changed, since which reference, how to look at it, how to accept it."""
    reference = printable(str(outcome.reference))
    first = outcome.changes[0].kind
    shown = outcome.changes if whole else outcome.changes[:_MOST]
    parts: list[RenderableType] = []
    if first not in (NO_REFERENCE, NOT_OURS):
        number = len(outcome.changes)
        head = Text(f"{number} difference{'' if number == 1 else 's'} from {reference}", "failed")
        parts.append(head.append(f" ({outcome.since})", "quiet"))
    parts.append(table(shown))
    if len(shown) < len(outcome.changes):
        parts.append(Text(f"… and {len(outcome.changes) - len(shown)} more", "quiet"))
    if outcome.accepted:
        parts.append(Text(f"this trace is the reference from now on: {reference}", "held"))
        return Group(*parts)
    if first not in (NO_REFERENCE, NOT_OURS):
        trace = printable(str(outcome.played.trace))
        parts.append(_remedy("to look:  ", f"testbed diff {shlex.quote(reference)} {shlex.quote(trace)}"))
    if outcome.reference is not None and first != NOT_OURS:
        folder, file = (shlex.quote(printable(str(path))) for path in (outcome.reference.parent, outcome.scenario.file))
        parts.append(_remedy("to accept:", f"testbed run --baseline {folder} --update {file}"))
    return Group(*parts)


def table(differences: tuple[Difference, ...]) -> Table:
    """Differences, one below the other, each with the frames of both traces."""
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for difference in differences:
        text = Text(difference.text)
        evidence = "; ".join(
            f"{side}: {cited}"
            for side, cited in (("before", frames(difference.before)), ("now", frames(difference.now)))
            if cited
        )
        if evidence:
            text.append(f"  [{evidence}]", "quiet")
        rows.add_row(Text("≠", "failed"), text)
    return rows


def _remedy(label: str, command: str) -> Text:
    """One line however long, to be copied."""
    return Text.assemble((f"{label} ", "quiet"), (command, "info"), overflow="ignore", no_wrap=True)
