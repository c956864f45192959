"""Draws the pictures of the README and the docs from reference traces: ``python docs/picture.py``."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from testbed.report.clock import Clock
from testbed.report.console import THEME
from testbed.report.pictures.ladder import ladder
from testbed.report.pictures.ladder_svg import ladder_svg
from testbed.report.pictures.svg import svg
from testbed.report.pictures.way import way
from testbed.report.trace import trace_report
from testbed.trace.inspect import inspect

DOCS = Path(__file__).parent
_UTC = Clock(utc=True)
# What is pressed before the picture is taken.
_VIEWS = {
    "view-list": ("o", *("down",) * 10),
    "view-ladder": ("w", "enter", *("down",) * 14),
    "view-packets": ("w", "enter", *("down",) * 15, "enter"),
}
# Picture, trace, number of the connection.
_LADDERS = (("ladder", "from-keyboard-to-browser", 2), ("ladder-syn-lost-twice", "syn-lost-twice", 5))


def main() -> None:
    """Write all of them."""
    draw_report()
    if find_spec("textual") is None:
        print("docs/picture.py: textual is not here, so the pictures of the view stay as they are", file=sys.stderr)
    else:
        for name, keys in _VIEWS.items():
            asyncio.run(draw_view(name, keys))
    for name in ("mailbox-full", "from-keyboard-to-browser", "agent-keeps-trying"):
        found = way([inspect(DOCS.parent / "captures" / f"{name}.pcapng")])
        (DOCS / f"way-{name}.svg").write_text(svg(found, clock=_UTC), encoding="utf-8")
    for picture, name, number in _LADDERS:
        trace = inspect(DOCS.parent / "captures" / f"{name}.pcapng")
        [connection] = [connection for connection in trace.connections if connection.number == number]
        (DOCS / f"{picture}.svg").write_text(ladder_svg(ladder(trace, connection), clock=_UTC), encoding="utf-8")


def draw_report() -> None:
    """Write ``docs/mailbox-full.svg``, what a terminal shows."""
    console = Console(
        record=True, width=124, file=io.StringIO(), force_terminal=True, theme=THEME, markup=False, highlight=False
    )
    trace_report(console, inspect(DOCS.parent / "captures" / "mailbox-full.pcapng"), clock=_UTC)
    lines = console.export_text(clear=False, styles=True).splitlines()
    plain = [Text.from_ansi(line).plain for line in lines]
    begin = next(number for number, line in enumerate(plain) if " lab: " in line)
    start = next(number for number, line in enumerate(plain) if line.startswith("#5 "))
    end = next(number for number, line in enumerate(plain) if "attempt 2" in line)
    picture = Console(record=True, width=124, file=io.StringIO(), force_terminal=True)
    for line in [*lines[:begin], *lines[start : end + 1]]:
        picture.print(Text.from_ansi(line), soft_wrap=True)
    picture.save_svg(str(DOCS / "mailbox-full.svg"), title="testbed inspect captures/mailbox-full.pcapng")


async def draw_view(name: str, keys: Sequence[str]) -> None:
    """Write what ``testbed view`` shows on 80 by 24 when some keys have been pressed."""
    from testbed.view.app import ViewApp

    trace = inspect(DOCS.parent / "captures" / "mailbox-full.pcapng")
    app = ViewApp("mailbox-full.pcapng", [trace], clock=_UTC)
    async with app.run_test(size=(80, 24)) as pilot:
        for key in keys:
            await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause()
        drawn = app.export_screenshot(title="testbed view captures/mailbox-full.pcapng")
    (DOCS / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
