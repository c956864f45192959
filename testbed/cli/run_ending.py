"""How a run ends for people and for the shell: all that is red in full, how many came out how, and the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from testbed.cli import FAILED, HELD, NO_LAB
from testbed.cli.pager import paged
from testbed.cli.verbosity import FINDINGS, LADDERS
from testbed.outcome import Outcome, Result
from testbed.report.console import console
from testbed.report.verdicts import summary, why_skipped_together
from testbed.report.what_failed import what_failed


def ending(
    out: Console,
    outcomes: Sequence[Outcome],
    options: argparse.Namespace,
    seconds: float,
    folder: Path | None,
    refused: int = 0,
) -> None:
    """Print it, what is long by a pager.

    ``folder`` is where traces were written, ``refused`` counts strangers' scenarios not played.
    """
    no_lab = any(result.played.no_lab for result in outcomes)
    verbosity = options.verbosity
    if verbosity >= LADDERS:
        with paged(options.pager):
            _ladders(console(), outcomes)
            if not no_lab:
                what_failed(console(), outcomes, whole=True)
    elif not no_lab:
        what_failed(out, outcomes, whole=verbosity >= FINDINGS)
    if no_lab:
        return
    if len(outcomes) > 1 and verbosity < FINDINGS:
        why_skipped_together(out, outcomes)
    summary(out, outcomes, seconds, folder, refused)


def _ladders(out: Console, outcomes: Sequence[Outcome]) -> None:
    from testbed.report.trace import trace_report

    for result in outcomes:
        if result.analysis is not None:
            trace_report(out, result.analysis)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 where all held or was skipped, 1 where an expectation failed, 3 where a lab broke off."""
    results = {result.result for result in outcomes}
    if Result.ERROR in results:
        return NO_LAB
    return FAILED if Result.FAILED in results else HELD
