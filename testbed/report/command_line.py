"""A command to be copied from a report."""

from __future__ import annotations

from msgspec import Struct
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from testbed.protocols.text import printable


class CommandLine(Struct, frozen=True):
    """One line however narrow the terminal is, if it is printed without cropping."""

    label: str
    command: str
    indent: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(f"{' ' * self.indent}{self.label} ", console.get_style("quiet"))
        yield Segment(printable(self.command), console.get_style("info"))
        yield Segment.line()
