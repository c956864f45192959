"""Draws the pictures of the README from a reference trace: ``python docs/picture.py``."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.text import Text

from testbed.report.clock import Clock
from testbed.report.console import THEME
from testbed.report.trace import trace_report
from testbed.trace.inspect import inspect

DOCS = Path(__file__).parent


def main() -> None:
    """Write ``docs/mailbox-full.svg``."""
    console = Console(
        record=True, width=124, file=io.StringIO(), force_terminal=True, theme=THEME, markup=False, highlight=False
    )
    trace_report(console, inspect(DOCS.parent / "captures" / "mailbox-full.pcapng"), clock=Clock(utc=True))
    lines = console.export_text(clear=False, styles=True).splitlines()
    plain = [Text.from_ansi(line).plain for line in lines]
    begin = next(number for number, line in enumerate(plain) if " lab: " in line)
    start = next(number for number, line in enumerate(plain) if line.startswith("#5 "))
    end = next(number for number, line in enumerate(plain) if "attempt 2" in line)
    picture = Console(record=True, width=124, file=io.StringIO(), force_terminal=True)
    for line in [*lines[:begin], *lines[start : end + 1]]:
        picture.print(Text.from_ansi(line), soft_wrap=True)
    picture.save_svg(str(DOCS / "mailbox-full.svg"), title="testbed inspect captures/mailbox-full.pcapng")


if __name__ == "__main__":
    main()
