"""Captures to outputs: one after the other, side by side, or live."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from testbed.cli.cluster import wants_cluster
from testbed.cli.inspect_options import pages, zone_of
from testbed.cli.inspect_outputs import output, show_across, stream_output
from testbed.cli.inspected import filtered, inspected
from testbed.cli.shared_work import BufferedOutput, in_order
from testbed.pcap.stream import segments
from testbed.protocols.text import shown
from testbed.trace.analysis import Analysis
from testbed.trace.filter import parse_filter
from testbed.trace.filter_missed import Missed, told_missed
from testbed.trace.journeys import Leg
from testbed.trace.streaming import stream

if TYPE_CHECKING:
    from testbed.redact.redactor import Redactor


def show_all(paths: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Annotate every capture, or what a live one brings; what there is to complain of.

    One that is no capture does not stop the others.
    """
    options.continued, options.legs, options.missed = False, [], []
    options.zone = zone_of(options)
    options.redactor, options.sources = _redactor(options), []
    complaints: list[str] = []
    show = stream_output(options) if options.stream else output(options)
    if options.live:
        show(_live(options), options)
    elif wants_cluster(options):
        from testbed.cli.inspect_far import tables_by_cluster

        complaints += tables_by_cluster(paths, options)
    elif len(paths) > 1 and pages(options) and not options.stream:
        complaints += _side_by_side(paths, options)
    else:
        show(inspected(paths, options, complaints), options)
    if options.missed and None not in options.missed:
        for sentence in told_missed(options.missed):
            print(shown(sentence), file=sys.stderr)
    return complaints


def _side_by_side(paths: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Inspect many files at a time, and print what each gives in their order."""

    def page(index: int) -> tuple[str, list[str], list[Leg], list[tuple[Missed, ...] | None]]:
        told: list[str] = []
        options.continued, options.legs, options.missed = index > 0, [], []
        sys.stdout, stdout = BufferedOutput(), sys.stdout
        try:
            output(options)(inspected(paths[index : index + 1], options, told, paths), options)
            return sys.stdout.getvalue(), told, options.legs, options.missed
        finally:
            sys.stdout = stdout

    complaints: list[str] = []
    legs: list[Leg] = []
    for text, told, more, without in in_order(page, range(len(paths))):
        sys.stdout.write(text)
        complaints += told
        legs += more
        options.missed += without
    if legs:
        show_across(legs, options)
    return complaints


def _redactor(options: argparse.Namespace) -> Redactor | None:
    """What redacts all captures of a call alike; its key is known to nobody, and forgotten with it."""
    if not options.redact:
        return None
    from testbed.redact.redactor import Redactor

    return Redactor(secrets.token_bytes(64))


def _live(options: argparse.Namespace) -> Iterator[Analysis]:
    from testbed.net.live import live

    filters = [parse_filter(text) for text in options.filters]
    with live(options.live, seconds=options.seconds, packets=options.count) as source:
        caught = segments(source.read, options.live, problems=source.problems)
        for piece in stream(caught, options.live, show_credentials=options.show_credentials):
            yield filtered(piece, filters)
