"""``testbed diff``."""

from __future__ import annotations

import argparse
import sys

from testbed.cli import FAILED, HELD
from testbed.cli.pager import paged
from testbed.cli.run_outputs import STDOUT, written
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.filter import choose, parse_filter
from testbed.trace.inspect import inspect

_MOST = 5_000  # connections analysed one by one


def main(options: argparse.Namespace) -> int:
    """Compare two captures by what they say; 1 when they differ."""
    before, now = (_chosen(path, options.filters) for path in (options.before, options.now))
    compared = compare_analyses(before, now)
    if options.html:
        from testbed.report.html.differences import differences_html

        written(options.html, differences_html(before, now, compared))
    if options.json:
        from testbed.report.json_diff import diff_json

        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")
        print(diff_json(before, now, compared))
    elif options.html != STDOUT:
        from testbed.report.console import console
        from testbed.report.side_by_side import side_by_side

        with paged(options.pager):
            side_by_side(console(), before, now, compared, whole=options.verbose)
    return HELD if compared.same else FAILED


def _chosen(path: str, filters: list[str]) -> Analysis:
    terms = [parse_filter(text) for text in filters]
    analysis = inspect(path)
    analysis = choose(analysis, terms) if terms else analysis
    if len(analysis.connections) > _MOST:
        number = f"{len(analysis.connections):,} connections, more than {_MOST:,}"
        raise UsageError(f"{shown(path)} holds {number}: choose those to compare, such as --filter host=NAME")
    return analysis
