"""Captures inspected as the options of ``testbed inspect`` say."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from testbed.errors import CaptureError
from testbed.pcap.stream import read_segments
from testbed.trace.analysis import Analysis
from testbed.trace.answers_elsewhere import answers_elsewhere
from testbed.trace.filter import Filter, choose, parse_filter
from testbed.trace.filter_missed import missed
from testbed.trace.inspect import inspect
from testbed.trace.streaming import stream
from testbed.trace.worth_judging import KnownElsewhere


def inspected(
    paths: Sequence[str], options: argparse.Namespace, complaints: list[str], every: Sequence[str] = ()
) -> Iterator[Analysis]:
    """Each capture as it is wanted, so that many do not lie in memory at once; ``every`` are all that were named.

    Complaints, and what filters missed (``options.missed``), are added to what there is.
    """
    filters = [parse_filter(text) for text in options.filters]
    for path in paths:
        try:
            if options.stream:
                name = "standard input" if path == "-" else path
                pieces = stream(read_segments(path), name, show_credentials=options.show_credentials)
                yield from (filtered(piece, filters) for piece in pieces)
            else:
                others = [other for other in every or paths if other != path]
                options.sources.append(path)
                known = KnownElsewhere(options.zone, partial(answers_elsewhere, others))
                if options.redactor is not None:
                    number = list(every or paths).index(path) + 1
                    found = options.redactor.inspected(path, number, show_credentials=options.show_credentials)
                else:
                    found = inspect(path, options.keylog, show_credentials=options.show_credentials, known=known)
                chosen = filtered(found, filters)
                if filters:
                    options.missed.append(None if chosen.connections.numbers else missed(found, filters))
                yield chosen
        except CaptureError as error:
            complaints.append(str(error))


def filtered(analysis: Analysis, filters: Sequence[Filter]) -> Analysis:
    """What all filters let through."""
    return choose(analysis, filters) if filters else analysis
