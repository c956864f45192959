"""Reference traces: every scenario's trace as it was when somebody last looked at it and found it right."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.errors import CaptureError
from testbed.outcome import Outcome
from testbed.pcap.read import read_capture
from testbed.protocols.events import Event
from testbed.protocols.text import printable
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.compare.difference import Difference
from testbed.trace.inspect import inspect

NO_REFERENCE = "no-reference"
NOT_OURS = "reference-not-ours"
_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Baseline:
    """A folder of reference traces, each named as the trace of its scenario is."""

    folder: Path

    def compared(self, outcome: Outcome) -> Outcome:
        """The outcome with what changed since its reference.

        A scenario without reference has changed, too: a check that compares with nothing is none.  One that did not
        run to its end is not compared.
        """
        played = outcome.played
        if outcome.analysis is None or played.trace is None or played.error or played.interrupted:
            return outcome
        reference = self.folder / played.trace.name
        shown = printable(str(reference))
        if not reference.exists():
            told = f"there is no reference trace {shown}; when the run shows what it should, --update records it"
            return _with(outcome, reference, Difference(NO_REFERENCE, told, (), ()))
        try:
            before = inspect(reference)
        except CaptureError as error:
            told = f"the reference trace cannot be read: {error}"
            return _with(outcome, reference, Difference(NOT_OURS, told, (), ()))
        if not _started(before):
            told = f"{shown} is no trace of a lab; move it away, or name another folder"
            return _with(outcome, reference, Difference(NOT_OURS, told, (), ()))
        # Of a scenario in which programs play hosts, the expectations say what must not change.
        held_by_itself = outcome.scenario.has_programs
        changes = () if held_by_itself else compare_analyses(before, outcome.analysis).differences
        outdated = before.log[0].fields.get("scenario") != outcome.scenario.text
        return replace(outcome, reference=reference, since=_recorded(before), changes=changes, outdated=outdated)

    def left_over(self, scenarios: Sequence[Scenario], paths: Sequence[str]) -> Iterator[tuple[Path, str]]:
        """References of scenarios that are gone from the given files and folders, each with where it was.

        References of scenarios elsewhere, and files that are no trace of a lab, are somebody else's.
        """
        known = {(Path(scenario.file).resolve(), scenario.case) for scenario in scenarios}
        roots = [Path(path).resolve() for path in paths]
        for path in sorted(self.folder.glob("*.pcapng")):
            fields = _first_entry(path)
            file = Path(fields.get("TESTBED_FILE", "")).resolve()
            if not fields or not any(file == root or root in file.parents for root in roots):
                continue
            case = fields.get("TESTBED_CASE", "")
            if (file, case) not in known:
                yield path, f"{fields['TESTBED_FILE']}, {case}" if case else fields["TESTBED_FILE"]


def _with(outcome: Outcome, reference: Path, difference: Difference) -> Outcome:
    return replace(outcome, reference=reference, changes=(difference,))


def _started(analysis: Analysis) -> bool:
    return bool(analysis.log) and analysis.log[0].event == Event.LAB_STARTED


def _recorded(analysis: Analysis) -> str:
    """``recorded 2026-11-24 17:27 UTC by version 0.1.0``."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(analysis.start_ns // _S))
    return f"recorded {when} by version {analysis.log[0].fields.get('version', '?')}"


def _first_entry(path: Path) -> dict[str, str]:
    """The fields of the entry that begins a lab's trace, empty for any other file."""
    try:
        journal = read_capture(path).journal
    except CaptureError:
        return {}
    fields = journal[0].fields if journal else {}
    return fields if fields.get("TESTBED_EVENT") == Event.LAB_STARTED and fields.get("TESTBED_FILE") else {}
