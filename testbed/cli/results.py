"""What a run says of each scenario as it comes to its end: the less, the more there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath

from rich.console import Console
from rich.text import Text

from testbed.cli.verbosity import FINDINGS, QUIET
from testbed.outcome import Outcome, Result
from testbed.protocols.text import shown
from testbed.report.changes import changes
from testbed.report.verdicts import headline, not_judged, outcome
from testbed.report.what_failed import red
from testbed.scenario.scenario import Scenario

_FEW = 10  # scenarios that have a line each


class Results:
    """Of one scenario every expectation, of a few a line each, of many a line for each folder; what is red at once."""

    def __init__(self, console: Console, scenarios: Sequence[Scenario], verbosity: int) -> None:
        """``scenarios`` are all of the run, in the order in which they will be told."""
        self._console = console
        self._verbosity = verbosity
        self._alone = len(scenarios) == 1
        self._by_folder = len(scenarios) > _FEW and verbosity < FINDINGS
        self._folders = [(folder, len(list(those))) for folder, those in groupby(scenarios, _folder)]
        self._counts: Counter[Result] = Counter()
        self._partly = 0

    def tell(self, result: Outcome) -> None:
        """A scenario has been judged; they come in the order of the files."""
        if self._verbosity <= QUIET:
            return
        if self._by_folder:
            self._count(result)
        elif self._alone or self._verbosity >= FINDINGS:
            self._console.print(outcome(result, found=self._verbosity >= FINDINGS), crop=False)
        else:
            self._line(result)
            if result.not_judged:
                self._console.print(not_judged(result))

    def _count(self, result: Outcome) -> None:
        self._counts[result.result] += 1
        self._partly += bool(result.not_judged)
        if red(result) or result.accepted:
            self._line(result)
        folder, number = self._folders[0]
        if self._counts.total() == number:
            self._end(folder)

    def _line(self, result: Outcome) -> None:
        """Its headline, and what is recorded as the reference from now on."""
        self._console.print(headline(result), crop=False)
        if result.accepted and result.changes:
            self._console.print(changes(result), crop=False)

    def end(self) -> None:
        """No more come, though there are some left."""
        if self._counts:
            self._end(self._folders[0][0])

    def _end(self, folder: str) -> None:
        told = [(f"{self._counts[kind]} {kind}", str(kind)) for kind in Result if self._counts[kind]]
        told += [(f"{self._partly} not judged in full", "not_judged")] if self._partly else []
        line = Text.assemble((shown(folder), "host"), "  ")
        self._console.print(line.append_text(Text(" · ").join(Text(*one) for one in told)), crop=False)
        self._counts.clear()
        self._partly = 0
        self._folders.pop(0)


def _folder(scenario: Scenario) -> str:
    return str(PurePath(scenario.file).parent)
