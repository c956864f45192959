"""``testbed inspect``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from testbed.cli import HELD, WRONG_USAGE
from testbed.errors import CaptureError, UsageError
from testbed.trace.analysis import Analysis
from testbed.trace.filter import Filter, choose, parse_filter
from testbed.trace.inspect import inspect

_SUFFIXES = tuple(kind + packing for kind in (".pcap", ".pcapng", ".cap") for packing in ("", ".gz", ".zst"))


def main(options: argparse.Namespace) -> int:
    """Annotate every file; one that is no capture does not stop the others."""
    paths = list(_files(options.paths))
    filters = [parse_filter(text) for text in options.filters]
    if len(paths) > 1:
        for name, value in (("--output", options.output), ("--deep", options.deep)):
            if value:
                raise UsageError(f"{name} takes one capture at a time; name one FILE")
    if options.deep:
        return _deep(paths[0], options.deep)
    complaints: list[str] = []
    _show(_inspected(paths, filters, complaints), options)
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


def _inspected(paths: Sequence[str], filters: Sequence[Filter], complaints: list[str]) -> Iterator[Analysis]:
    """Each capture as it is wanted, so that many do not lie in memory at once."""
    for path in paths:
        try:
            analysis = inspect(path)
        except CaptureError as error:
            complaints.append(str(error))
            continue
        yield _filtered(analysis, filters) if filters else analysis


def _filtered(analysis: Analysis, filters: Sequence[Filter]) -> Analysis:
    return replace(analysis, chosen=tuple(connection.number for connection in choose(analysis.connections, filters)))


def _show(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    if options.output:
        for analysis in analyses:
            _annotate(analysis, Path(options.output))
    elif options.json:
        from testbed.report.json_analysis import analyses_json

        print(analyses_json(list(analyses), packets=options.packets))
    elif options.ndjson:
        from testbed.report.json_analysis import ndjson

        for analysis in analyses:
            for line in ndjson(analysis, packets=options.packets):
                print(line)
    elif options.csv:
        from testbed.report.csv_connections import connections_csv

        connections_csv(analyses, sys.stdout)
    else:
        _print(analyses, options)


def _annotate(analysis: Analysis, target: Path) -> None:
    from testbed.report.annotate import annotate

    if target.exists() and target.samefile(analysis.path):
        raise UsageError(f"{target} is the capture itself; name another file for --output")
    try:
        with target.open("wb") as out:
            annotate(analysis, out)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {(error.strerror or str(error)).lower()}") from error
    print(f"{target}: {analysis.frames} frames, annotated")


def _deep(path: str, frame: int) -> int:
    from testbed.report.deep import dissection

    print(dissection(path, frame))
    return HELD


def _print(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.console import console
    from testbed.report.packets import packet_list
    from testbed.report.trace import trace_report

    out = console()
    for analysis in analyses:
        if options.packets:
            packet_list(out, analysis)
        else:
            trace_report(out, analysis, whole=options.verbose)
