"""``testbed view``: a capture on the whole screen."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from pathlib import Path

from testbed.cli import HELD
from testbed.errors import UsageError
from testbed.extras import needs_extra
from testbed.protocols.text import shown


def main(options: argparse.Namespace) -> int:
    """Show it until somebody quits.  Raises UsageError, CaptureError, LabError before anything is on the screen."""
    if bool(options.path) == bool(options.live):
        raise UsageError("name one FILE, or --live IFACE" + (", not both" if options.live else ""))
    if options.live and options.keylog:
        raise UsageError("--keylog decrypts whole captures; write what is live to a file first")
    needs_extra("view", "to view captures")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("'testbed view' needs a terminal; 'testbed inspect' prints the same elsewhere")
    signalled = _live(options) if options.live else _file(options)
    if signalled:
        raise KeyboardInterrupt(signalled)
    return HELD


def _file(options: argparse.Namespace) -> int:
    from testbed.pcap.parts import cores
    from testbed.report.clock import Clock
    from testbed.trace.analysis import ONE_BY_ONE
    from testbed.trace.inspect import inspect
    from testbed.view.app import ViewApp

    with contextlib.ExitStack() as said:
        said.callback(_say, "")
        # Several processes do it, and those are not to be forked from the threads of a program on the screen.
        _say(f"Reading {shown(options.path)}{_size(options.path)} …")
        analysis = inspect(options.path, options.keylog, show_credentials=options.show_credentials)
        if len(analysis.connections) > ONE_BY_ONE:
            _say(f"Understanding {len(analysis.connections):,} connections of {analysis.frames:,} frames …")
            analysis.summary(cores())
    app = ViewApp(Path(options.path).name, (analysis,), clock=Clock(options.utc))
    app.run()
    return app.signalled


def _say(text: str) -> None:
    """One line on the terminal, in place of the one before."""
    sys.stdout.write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
    sys.stdout.flush()


def _size(path: str) -> str:
    from testbed.report.words import octets

    with contextlib.suppress(OSError):
        return f", {octets(size)}" if (size := os.stat(path).st_size) else ""
    return ""


def _live(options: argparse.Namespace) -> int:
    from testbed.net.live import live
    from testbed.pcap.stream import segments
    from testbed.report.clock import Clock
    from testbed.trace.streaming import stream
    from testbed.view.app import ViewApp

    with live(options.live) as source:
        caught = segments(source.read, options.live, problems=source.problems)
        pieces = stream(caught, options.live, show_credentials=options.show_credentials)
        app = ViewApp(options.live, pieces, clock=Clock(options.utc), stop=source.stop)
        app.run()
    return app.signalled
