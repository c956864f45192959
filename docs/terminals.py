"""Draws what a terminal shows of a run and of pytest: ``python docs/terminals.py``."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
_COLUMNS = 110
_FULL = """\
title: Bob's mailbox is full
hosts:
  someschool.edu: {mailboxes: {bob: {quota: 20 KB, filled: 20 KB}}}
steps:
  - send: {to: bob@someschool.edu, subject: "Lunch?"}
  - wait: 40m
expect:
  - delivered: {to: bob@someschool.edu}
"""
# Name, what is typed, and what runs for it.
_SHOWN = (
    (
        "run",
        "testbed run --keep traces @catalogue/mailbox-full",
        ("testbed", "run", "--keep", "traces", "@catalogue/mailbox-full"),
    ),
    (
        "pytest",
        "pytest --testbed-keep traces full.yaml",
        ("pytest", "-q", "-p", "no:cacheprovider", "--color=yes", "--testbed-keep", "traces", "full.yaml"),
    ),
)
_LATEST = re.compile(r".*\x1b\[2K", re.S)  # a line of progress that was wiped
_CHANCE = re.compile(r"\d[\d.:]*")


def main() -> None:
    """Write all of them."""
    for name, typed, command in _SHOWN:
        with tempfile.TemporaryDirectory() as folder:
            lines = list(_printed(command, Path(folder)))
        _draw(DOCS / f"{name}.svg", typed, lines)


def _printed(command: tuple[str, ...], folder: Path) -> Iterator[str]:
    (folder / "full.yaml").write_text(_FULL, encoding="utf-8")
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS), "CI": ""}
    ended = subprocess.run(
        (sys.executable, "-m", *command), cwd=folder, env=environment, stdout=subprocess.PIPE, check=False
    )
    for line in ended.stdout.decode().replace(f"{folder.resolve()}/", "").split("\n"):
        shown = _LATEST.sub("", line)
        if Text.from_ansi(shown).plain.strip() or not line:
            yield shown.replace(str(DOCS.parent.resolve()) + "/", "")


def _draw(picture: Path, title: str, lines: Iterable[str]) -> None:
    """Draw lines with their colours; a picture that differs in times and the like alone stays as it is."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=False)
    drawn = console.export_svg(title=title, unique_id=picture.stem)
    if not picture.exists() or _CHANCE.sub("", picture.read_text("utf-8")) != _CHANCE.sub("", drawn):
        picture.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
