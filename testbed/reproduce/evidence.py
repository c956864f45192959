"""What packets alone say: no log, no comment, no scenario that a trace of ours may carry."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from msgspec.structs import replace

from testbed.errors import UsageError
from testbed.pcap.read import read_capture
from testbed.protocols.text import shown
from testbed.trace.analysis import Analysis
from testbed.trace.filter import choose, parse_filter
from testbed.trace.inspect import analyse

MOST_CONNECTIONS = 300
"""More than these make no scenario that a person would read."""


def evidence(
    path: str | os.PathLike[str],
    filters: Sequence[str] = (),
    keylog: str | None = None,
    connections: Collection[int] = (),
) -> Analysis:
    """What the packets of a capture say, of all connections, those that every filter lets pass, or those numbered.

    Raises CaptureError when the file is no capture, UsageError for a filter or a number that is none, or when more
    than :data:`MOST_CONNECTIONS` are left.
    """
    capture = replace(read_capture(path), journal=(), comments={})
    analysis = analyse(capture, os.fspath(path), keylog)
    if filters:
        analysis = choose(analysis, [parse_filter(text) for text in filters])
    if connections:
        if unknown := sorted(set(connections) - {*analysis.connections.numbers}):
            raise UsageError(f"{shown(os.fspath(path))} has no connection {unknown[0]} among those chosen")
        analysis = replace(analysis, chosen=tuple(sorted(connections)))
    if len(analysis.connections) > MOST_CONNECTIONS:
        number = f"{len(analysis.connections):,} connections, more than the {MOST_CONNECTIONS} that fit into a scenario"
        raise UsageError(f"{shown(os.fspath(path))} holds {number}: choose some, such as --filter host=NAME")
    return analysis
