"""``testbed inspect``."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

from testbed.cli import HELD, WRONG_USAGE
from testbed.cli.inspect_options import files, refuse_contradictions
from testbed.cli.pager import paged
from testbed.protocols.text import printable


def main(options: argparse.Namespace) -> int:
    """Annotate every file; one that is no capture does not stop the others."""
    refuse_contradictions(options)
    paths = files(options)
    if options.deep:
        from testbed.report.deep import dissection

        with paged(options.pager):
            print(dissection(paths[0], options.deep))
        return HELD
    from testbed.cli.inspect_captures import show_all
    from testbed.cli.inspect_outputs import for_people

    complaints: list[str] = []
    with paged(options.pager) if for_people(options) else nullcontext():
        complaints += show_all(paths, options)
    for complaint in complaints:
        print(f"error: {printable(complaint)}", file=sys.stderr)  # a file's name may be hostile too
    return WRONG_USAGE if complaints else HELD
