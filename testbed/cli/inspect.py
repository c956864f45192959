"""``testbed inspect``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from testbed.cli import HELD, WRONG_USAGE
from testbed.errors import CaptureError, UsageError
from testbed.report.console import console
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect


def main(options: argparse.Namespace) -> int:
    """Annotate every file; one that is no capture does not stop the others."""
    if options.output and len(options.paths) > 1:
        raise UsageError("--output takes one capture at a time; name one FILE")
    analyses: list[Analysis] = []
    complaints: list[str] = []
    for path in options.paths:
        try:
            analyses.append(inspect(path))
        except CaptureError as error:
            complaints.append(str(error))
    if options.output:
        _annotate(analyses, Path(options.output))
    elif options.json:
        from testbed.report.json_analysis import analyses_json

        print(analyses_json(analyses, packets=options.packets))
    else:
        _print(analyses, options)
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    return WRONG_USAGE if complaints else HELD


def _annotate(analyses: list[Analysis], target: Path) -> None:
    from testbed.report.annotate import annotate

    for analysis in analyses:
        if target.exists() and target.samefile(analysis.path):
            raise UsageError(f"{target} is the capture itself; name another file for --output")
        try:
            with target.open("wb") as out:
                annotate(analysis, out)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from error
        print(f"{target}: {analysis.frames} frames, annotated")


def _print(analyses: list[Analysis], options: argparse.Namespace) -> None:
    out = console()
    if options.packets:
        from testbed.report.packets import packet_list

        for analysis in analyses:
            packet_list(out, analysis)
        return
    from testbed.report.trace import trace_report

    for analysis in analyses:
        trace_report(out, analysis, whole=options.verbose)
