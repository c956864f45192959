"""``testbed inspect``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from testbed.cli import HELD, WRONG_USAGE
from testbed.cli.inspect_outputs import one_capture_only, output
from testbed.errors import CaptureError, UsageError
from testbed.trace.analysis import Analysis
from testbed.trace.filter import choose, parse_filter
from testbed.trace.inspect import inspect

_SUFFIXES = tuple(kind + packing for kind in (".pcap", ".pcapng", ".cap") for packing in ("", ".gz", ".zst"))


def main(options: argparse.Namespace) -> int:
    """Annotate every file; one that is no capture does not stop the others."""
    paths = list(_files(options.paths))
    if len(paths) > 1 and (name := one_capture_only(options)):
        raise UsageError(f"{name} takes one capture at a time; name one FILE")
    if options.deep:
        return _deep(paths[0], options.deep)
    complaints: list[str] = []
    output(options)(_inspected(paths, options, complaints), options)
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    return WRONG_USAGE if complaints else HELD


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if not Path(path).is_dir():
            yield path
            continue
        inside = sorted(str(p) for p in Path(path).rglob("*") if p.name.endswith(_SUFFIXES) and p.is_file())
        if not inside:
            raise UsageError(f"{path} holds no capture: no file in it ends in .pcap, .pcapng or .cap")
        yield from inside


def _inspected(paths: Sequence[str], options: argparse.Namespace, complaints: list[str]) -> Iterator[Analysis]:
    """Each capture as it is wanted, so that many do not lie in memory at once."""
    filters = [parse_filter(text) for text in options.filters]
    for path in paths:
        try:
            analysis = inspect(path, options.keylog, show_credentials=options.show_credentials)
        except CaptureError as error:
            complaints.append(str(error))
            continue
        if filters:
            chosen = choose(analysis.connections, filters)
            analysis = replace(analysis, chosen=tuple(connection.number for connection in chosen))
        yield analysis


def _deep(path: str, frame: int) -> int:
    from testbed.report.deep import dissection

    print(dissection(path, frame))
    return HELD
