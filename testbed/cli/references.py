"""``testbed run --baseline``: outcomes compared with their references, and references recorded anew."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from testbed.baseline import NO_REFERENCE, Baseline
from testbed.errors import UsageError
from testbed.outcome import Outcome
from testbed.protocols.text import printable, shown
from testbed.report.references import accepted
from testbed.scenario.scenario import Scenario


class References:
    """The references a run is compared with; none without ``--baseline``."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises UsageError for ``--update`` alone, and for a folder that is none."""
        self._update: bool = options.update
        self._paths: list[str] = options.paths
        self._baseline = Baseline(Path(options.baseline)) if options.baseline else None
        self._counts: Counter[str] = Counter()
        if self._update and self._baseline is None:
            raise UsageError("--update records reference traces: say where with --baseline DIR")
        if options.baseline and not Path(options.baseline).is_dir():
            if Path(options.baseline).exists():
                raise UsageError(
                    f"--baseline {shown(options.baseline)}: that is not a folder; name the folder with the references"
                )
            if not self._update:
                raise UsageError(f"--baseline {shown(options.baseline)}: there is no such folder; --update makes it")
        if options.baseline and options.keep and Path(options.keep).resolve() == Path(options.baseline).resolve():
            raise UsageError("--keep would write over the references before they are compared; name another folder")

    def compared(self, outcome: Outcome) -> Outcome:
        """The outcome with what changed since its reference, which is recorded anew where that was asked for."""
        if self._baseline is None:
            return outcome
        outcome = self._baseline.compared(outcome)
        return accepted(outcome) if self._update else outcome

    def note(self, outcome: Outcome) -> None:
        """It was compared, which the summary tells."""
        if outcome.reference is not None:
            self._counts[_word(outcome)] += 1

    def summary(self, out: Console, scenarios: Sequence[Scenario]) -> None:
        """What became of the references, in a line; and those whose scenarios are gone."""
        if self._baseline is None:
            return
        told = " · ".join(f"{count} {word}" for word, count in self._counts.items())
        out.print(
            Text(f"references in {shown(self._baseline.folder)}: {told or 'none compared'}", "quiet"), soft_wrap=True
        )
        for path, where in self._baseline.left_over(scenarios, self._paths):
            text = f"▲ {shown(path)}: its scenario is gone ({where}); remove the file if that is intended"
            out.print(Text(printable(text), "warning"), soft_wrap=True)


def _word(outcome: Outcome) -> str:
    missing = any(change.kind == NO_REFERENCE for change in outcome.changes)
    if outcome.accepted:
        return "recorded for the first time" if missing else "recorded again"
    if outcome.scenario.has_programs and not outcome.changes:
        return "not compared, as programs are hosts"
    return "the same" if not outcome.changes else "missing" if missing else "changed"
