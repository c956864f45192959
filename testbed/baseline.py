"""Reference traces: every scenario's trace as it was when somebody last looked at it and found it right."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from testbed.catalogue import PACKED
from testbed.durations import SECOND
from testbed.errors import CaptureError
from testbed.outcome import Outcome
from testbed.pcap.read import read_capture
from testbed.protocols.events import LabStarted
from testbed.protocols.text import printable
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.compare.difference import Difference
from testbed.trace.inspect import inspect
from testbed.trace.model.log import lab_of, log_entry

NO_REFERENCE = "no-reference"
NOT_OURS = "reference-not-ours"


class Baseline(Struct, frozen=True):
    """A folder of reference traces, each named as the trace of its scenario is."""

    folder: Path

    def compared(self, outcome: Outcome) -> Outcome:
        """The outcome with what changed since its reference.

        A scenario without reference has changed, too: a check that compares with nothing is none.  One that did not
        run to its end is not compared.
        """
        played = outcome.played
        if outcome.inspected is None or played.trace is None or played.error or played.interrupted or outcome.broke_off:
            return outcome
        reference = self._reference(played.trace.name)
        shown = printable(str(reference))
        if not reference.exists():
            told = f"there is no reference trace {shown}; when the run shows what it should, --update records it"
            return _with(outcome, reference, Difference(NO_REFERENCE, told, (), ()))
        try:
            before = inspect(reference)
        except CaptureError as error:
            told = f"the reference trace cannot be read: {error}"
            return _with(outcome, reference, Difference(NOT_OURS, told, (), ()))
        lab = before.lab
        if lab is None:
            told = f"{shown} is not the trace of a lab; move it away, or name another folder"
            return _with(outcome, reference, Difference(NOT_OURS, told, (), ()))
        # Of a scenario in which programs play hosts, the expectations say what must not change.
        held_by_itself = outcome.scenario.has_programs
        changes = () if held_by_itself else compare_analyses(before, outcome.inspected.analysis).differences
        outdated = lab.scenario != outcome.scenario.text
        since = _recorded(before, lab)
        return replace(outcome, reference=reference, since=since, changes=changes, outdated=outdated)

    def _reference(self, name: str) -> Path:
        """Where it is, or is to be; the catalogue of an installed package has them packed."""
        plain = self.folder / name
        packed = plain.with_name(f"{name}{PACKED}")
        return packed if packed.exists() and not plain.exists() else plain

    def left_over(self, scenarios: Sequence[Scenario], paths: Sequence[str]) -> Iterator[tuple[Path, str]]:
        """References of scenarios that are gone from the given files and folders, each with where it was.

        References of scenarios elsewhere, and files that are no trace of a lab, are somebody else's.
        """
        known = {(Path(scenario.file).resolve(), scenario.case) for scenario in scenarios}
        roots = [Path(path).resolve() for path in paths]
        for path in sorted(self.folder.glob("*.pcapng")):
            lab = _lab(path)
            if lab is None or not lab.file:
                continue
            file = Path(lab.file).resolve()
            if (file, lab.case) not in known and any(file == root or root in file.parents for root in roots):
                yield path, f"{lab.file}, {lab.case}" if lab.case else lab.file


def _with(outcome: Outcome, reference: Path, difference: Difference) -> Outcome:
    return replace(outcome, reference=reference, changes=(difference,))


def _recorded(analysis: Analysis, lab: LabStarted) -> str:
    """``recorded 2026-11-24 17:27 UTC by version 0.1.0``."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(analysis.start_ns // SECOND))
    return f"recorded {when} by version {lab.version}"


def _lab(path: Path) -> LabStarted | None:
    """What the lab says whose trace this is; None for any other file."""
    try:
        return lab_of([log_entry(entry) for entry in read_capture(path).journal[:1]])
    except CaptureError:
        return None
