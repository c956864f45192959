"""Text for the screen: nothing in it is obeyed, neither by the terminal nor as markup."""

from __future__ import annotations

from rich.text import Text

from testbed.protocols.text import printable
from testbed.report.console import THEME
from testbed.report.findings import MARKS
from testbed.trace.model.finding import Severity


def told(text: str, style: str = "") -> Text:
    """Some text in one of the styles of the reports; line feeds are escaped like everything that is obeyed."""
    return Text(printable(text), THEME.styles[style] if style else "", no_wrap=True)


def line(*parts: Text) -> Text:
    """Parts behind each other, each in its own style."""
    return Text(no_wrap=True).join(parts)


def cell(text: str, width: int, style: str = "") -> Text:
    """The text in a column of so many cells, ``…`` for what has no room."""
    found = told(text, style)
    found.truncate(max(width, 1), overflow="ellipsis", pad=True)
    return found


def ends(client: str, server: str, width: int) -> Text:
    """``client → server``, each with as much room as the other leaves, and half at least."""
    room = max(width - 3, 2)
    left, other = told(client, "host"), told(server, "host")
    left.truncate(max(room // 2, room - other.cell_len), overflow="ellipsis")
    other.truncate(room - left.cell_len, overflow="ellipsis")
    found = line(left, told(" → "), other)
    found.pad_right(max(0, width - found.cell_len))
    return found


def right(text: str, width: int, style: str = "") -> Text:
    """The text at the right end of its column."""
    found = told(text, style)
    found.truncate(width, overflow="ellipsis")
    found.pad_left(width - found.cell_len)
    return found


def sign(severity: Severity | None) -> Text:
    """A mark and its colour for the worst that was found, blank for nothing."""
    return told(*MARKS[severity]) if severity is not None else Text(" ")


def joined(*lines: Text) -> Text:
    """Lines below each other, to be wrapped."""
    return Text("\n").join(lines)
