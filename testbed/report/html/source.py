"""A scenario's own text, with each verdict beside the line that asked for it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct

from testbed.expect import Verdict
from testbed.protocols.text import printable
from testbed.scenario.like import texts
from testbed.scenario.scenario import Scenario

_LINE_END = re.compile(r"\r\n|\r|\n")


class SourceLine(Struct, frozen=True):
    """A line of a file, and the verdicts on what it asks for."""

    number: int
    text: str
    verdicts: tuple[Verdict, ...]


class Source(Struct, frozen=True):
    """A file of a scenario: its own, or one it is like."""

    file: str
    lines: tuple[SourceLine, ...]


def sources(scenario: Scenario, verdicts: Sequence[Verdict]) -> tuple[Source, ...]:
    """The files of a scenario, its own first."""
    asked: dict[tuple[str, int], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.line:
            asked[verdict.file or scenario.file, verdict.line].append(verdict)
    return tuple(
        Source(
            printable(file),
            tuple(
                SourceLine(number, printable(line.expandtabs(8)), tuple(asked.get((file, number), ())))
                for number, line in enumerate(_LINE_END.split(text.rstrip("\n")), 1)
            ),
        )
        for file, text in texts(scenario.file, scenario.text).items()
    )
