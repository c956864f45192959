"""Writes reference traces: annotated captures that appear whole, or not at all."""

from __future__ import annotations

from msgspec.structs import replace

from testbed.baseline import NOT_OURS
from testbed.catalogue import PACKED
from testbed.errors import not_written
from testbed.outcome import Outcome
from testbed.protocols.text import shown
from testbed.report.annotate import annotate
from testbed.whole_file import whole_file


def accepted(outcome: Outcome) -> Outcome:
    """The outcome with its trace made the reference, where it differs from it.

    A trace that says the same leaves the reference as it is, unless the scenario reads otherwise now; and so does one
    whose expectations did not hold, or a file that is no trace of a lab.  Raises UsageError or MachineError where the
    folder cannot be written.
    """
    held = outcome.judgement is not None and outcome.judgement.held
    foreign = any(change.kind == NOT_OURS for change in outcome.changes)
    differs = bool(outcome.changes) or outcome.outdated
    if outcome.reference is None or outcome.inspected is None or not differs or not held or foreign:
        return outcome
    target = outcome.reference.with_name(outcome.reference.name.removesuffix(PACKED))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as out:
            annotate(outcome.inspected.analysis, out)
    except OSError as error:
        raise not_written(f"{shown(target)} cannot be written", error) from error
    return replace(outcome, accepted=True)
