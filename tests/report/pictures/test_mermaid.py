"""Sequence diagrams for Mermaid: every line is one of those it knows, whatever strangers wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.report.clock import Clock
from testbed.report.pictures.ladder import ladder
from testbed.report.pictures.mermaid import mermaid, mermaid_ladder
from testbed.report.pictures.way import way
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.report.pictures.test_svg import hostile
from tests.report.runs import TEXTS
from tests.traces import SOME

# What a statement may be, and what its text may hold: entities in place of all that has a meaning.
TEXT = r"(?:[^#;:%<>{}&\"`\[\]\\|$*_^\x00-\x1f]|_|#\d+;)+"
STATEMENTS = (
    re.compile(rf"    title {TEXT}"),
    re.compile(rf"    accDescr: {TEXT}"),
    re.compile(rf"    participant \w+ as {TEXT}"),
    re.compile(rf"    \w+(?:->>|-->>|-x)\w+: {TEXT}"),
    re.compile(rf"    Note over \w+(?:,\w+)?: {TEXT}"),
)
UTC = Clock(utc=True)
MAILBOX_FULL = """\
sequenceDiagram
    title Bob's mailbox is full
    accDescr: “Lunch?” for bob@someschool.edu#58; delivered, 1 h 30 min after it was sent
    participant h0 as alice.crepes.fr (user agent)
    participant h1 as crepes.fr (relay)
    participant h2 as someschool.edu (mail server)
    h0->>h1: ✓ taken (#35;2 SMTP #58;587, 0 s)
    h1->>h2: ~ 452 4.2.2 Mailbox full (#35;5 SMTP, N ms)
    Note over h1: ~ waits here#59; next try in 30 min
    Note over h0,h2: … 30 min …
"""


def check(diagram: str) -> None:
    first, *lines = diagram.removesuffix("\n").split("\n")
    assert first == "sequenceDiagram"
    assert [line for line in lines if not any(known.fullmatch(line) for known in STATEMENTS)] == []
    assert not re.search(r"\bend\b", diagram, re.I)  # closes a block, wherever it stands


def test_it_reads_as_a_sequence() -> None:
    drawn = mermaid(way([inspect(PROJECT / "captures" / "mailbox-full.pcapng")]))
    assert re.sub(r"\d+ ms", "N ms", drawn).startswith(MAILBOX_FULL)


@pytest.mark.parametrize("path", SOME[::4], ids=lambda path: path.stem)
def test_every_line_is_a_statement(path: Path) -> None:
    analysis = inspect(path)
    check(mermaid(way([analysis])))
    for connection in analysis.connections:
        check(mermaid_ladder(ladder(analysis, connection), clock=UTC))


@pytest.mark.parametrize(
    "words", [*TEXTS, "end", "x\nend\nloop y", "%%{init: {}}%%", "#lt;", "a;b", "participant x as y"]
)
def test_what_strangers_wrote_is_text(words: str) -> None:
    check(mermaid(hostile(words)))
