"""``testbed inspect``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.cli import HELD, WRONG_USAGE
from testbed.cli.inspect_outputs import one_capture_only, output, pages, stream_output, whole_capture_only
from testbed.cli.shared_work import Page, in_order
from testbed.errors import CaptureError, UsageError
from testbed.pcap.stream import read_segments, segments
from testbed.protocols.text import printable
from testbed.trace.analysis import Analysis
from testbed.trace.filter import Filter, choose, parse_filter
from testbed.trace.inspect import inspect
from testbed.trace.streaming import stream

_SUFFIXES = tuple(kind + packing for kind in (".pcap", ".pcapng", ".cap") for packing in ("", ".gz", ".zst"))


def main(options: argparse.Namespace) -> int:
    """Annotate every file; one that is no capture does not stop the others."""
    _sort_out(options)
    options.continued = False
    if options.deep:
        return _deep(options.paths[0], options.deep)
    complaints: list[str] = []
    show = stream_output(options) if options.stream else output(options)
    if options.live:
        show(_live(options), options)
    else:
        paths = list(_files(options.paths))
        if len(paths) > 1 and (name := one_capture_only(options)):
            raise UsageError(f"{name} takes one capture at a time; name one FILE")
        if len(paths) > 1 and pages(options) and not options.stream:
            complaints += _side_by_side(paths, options)
        else:
            show(_inspected(paths, options, complaints), options)
    for complaint in complaints:
        print(f"error: {printable(complaint)}", file=sys.stderr)  # a file's name may be hostile too
    return WRONG_USAGE if complaints else HELD


def _sort_out(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other.  Raises UsageError."""
    if bool(options.paths) == bool(options.live):
        both = "name FILEs or --live IFACE, not both" if options.live else "name a FILE, a folder, - or --live IFACE"
        raise UsageError(f"nothing to inspect: {both}" if not options.live else both)
    if not options.live and (options.seconds or options.count):
        raise UsageError("--for and --count end a live capture: they need --live IFACE")
    options.stream = options.stream or bool(options.live)
    if options.stream and (name := whole_capture_only(options)):
        raise UsageError(f"{name} needs the whole capture, and a stream is told in pieces; use --ndjson or --csv")
    if options.stream and options.keylog:
        raise UsageError("--keylog decrypts whole captures; write the stream to a file first")


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if not Path(path).is_dir():
            yield path
            continue
        inside = sorted(str(p) for p in Path(path).rglob("*") if p.name.endswith(_SUFFIXES) and p.is_file())
        if not inside:
            raise UsageError(f"{path} holds no capture: no file in it ends in .pcap, .pcapng or .cap")
        yield from inside


def _side_by_side(paths: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Inspect many files at a time, and print what each gives in their order."""

    def page(index: int) -> tuple[str, list[str]]:
        told: list[str] = []
        options.continued = index > 0
        sys.stdout, stdout = Page(), sys.stdout
        try:
            output(options)(_inspected(paths[index : index + 1], options, told), options)
            return sys.stdout.getvalue(), told
        finally:
            sys.stdout = stdout

    complaints: list[str] = []
    for text, told in in_order(page, range(len(paths))):
        sys.stdout.write(text)
        complaints += told
    return complaints


def _inspected(paths: Sequence[str], options: argparse.Namespace, complaints: list[str]) -> Iterator[Analysis]:
    """Each capture as it is wanted, so that many do not lie in memory at once."""
    filters = [parse_filter(text) for text in options.filters]
    for path in paths:
        try:
            if options.stream:
                name = "standard input" if path == "-" else path
                pieces = stream(read_segments(path), name, show_credentials=options.show_credentials)
                yield from (_filtered(piece, filters) for piece in pieces)
            else:
                yield _filtered(inspect(path, options.keylog, show_credentials=options.show_credentials), filters)
        except CaptureError as error:
            complaints.append(str(error))


def _live(options: argparse.Namespace) -> Iterator[Analysis]:
    from testbed.net.live import live

    filters = [parse_filter(text) for text in options.filters]
    with live(options.live, seconds=options.seconds, packets=options.count) as source:
        caught = segments(source.read, options.live, problems=source.problems)
        for piece in stream(caught, options.live, show_credentials=options.show_credentials):
            yield _filtered(piece, filters)


def _filtered(analysis: Analysis, filters: Sequence[Filter]) -> Analysis:
    return choose(analysis, filters) if filters else analysis


def _deep(path: str, frame: int) -> int:
    from testbed.report.deep import dissection

    print(dissection(path, frame))
    return HELD
