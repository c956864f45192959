"""The way of the mail as plain text: within its columns, the same every time, and as people read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from testbed.report.clock import Clock
from testbed.report.pictures.text import COLUMNS, text
from testbed.report.pictures.way import way
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.report.pictures.test_svg import hostile
from tests.report.runs import TEXTS
from tests.traces import SOME

UTC = Clock(utc=True)
ALL_DOWN = """\
Every mail server of the domain is refused for three hours
“Hello” for bob@someschool.edu: delivered, 3 h 30 min after it was sent
2026-11-29 17:36:38.454 to 21:06:39.041 UTC

                alice.crepes.fr         crepes.fr       mx1.someschool.edu   mx2.someschool.edu
                  user agent              relay             mail server          mail server
                       │                    │                    │                    │
                       │      ✓ taken       │                    │                    │
17:36:38.454           │───────────────────▶│                    │                    │
                       │   SMTP :587 #2     │                    │                    │
                       │                    │                    │                    │
                       │                    ✗ connection refused │                    │
17:36:38.727           │                    │╌╌╌╌╌╌╌╌╌╌╌╌✗       │                    │
"""


def test_it_reads_as_a_picture() -> None:
    shown = text(way([inspect(PROJECT / "captures" / "all-mx-down-refused.pcapng")]), clock=UTC)
    assert shown.startswith(ALL_DOWN)
    assert "2 more tries alike, over 1 h: #11, #12, #16, #17\n" in shown
    assert shown.endswith("✓ bob@someschool.edu, “Hello”: delivered\n")


@pytest.mark.parametrize("path", SOME[::4], ids=lambda path: path.stem)
def test_no_line_is_longer_than_its_columns(path: Path) -> None:
    lines = text(way([inspect(path)]), clock=UTC).split("\n")
    assert max(map(cell_len, lines)) <= COLUMNS
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("words", [*TEXTS, "寿司" * 100, "x" * 5_000, "\u202eabc"])
def test_what_strangers_wrote_moves_no_cursor_and_ends_no_line(words: str) -> None:
    lines = text(hostile(words), clock=UTC).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= COLUMNS
