"""``testbed inspect --ladder`` and ``--markdown``: pictures and text for elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from testbed.cli.inspect_options import refuse_to_overwrite
from testbed.cli.run_outputs import STDOUT, written
from testbed.protocols.text import shown
from testbed.trace.analysis import Analysis


def pictures(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    """Draw what was asked for of all captures together.  Raises UsageError or MachineError."""
    from testbed.report.clock import Clock
    from testbed.report.pictures.forms import Form, pictured

    form, what = options.ladder
    if found := list(analyses):
        _kept(pictured(found, Form(form), what, Clock(options.utc)), options)


def tickets(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    """Tell each capture as Markdown.  Raises UsageError or MachineError."""
    from testbed.report.clock import Clock
    from testbed.report.ticket import ticket

    for analysis in analyses:
        _kept(ticket(analysis, clock=Clock(options.utc)), options)


def _kept(text: str, options: argparse.Namespace) -> None:
    """Into the file of ``--output``, else to standard output."""
    target = options.output
    if target:
        refuse_to_overwrite(Path(target), options)
    written(target or STDOUT, text)
    if target:
        print(f"{shown(target)}: {len(text.encode()):,} octets")
