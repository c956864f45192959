"""What is told while a trace still grows is told in the end as well, in the same words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from testbed.pcap.read import parse_capture, read_capture
from testbed.trace.certain import certain
from testbed.trace.inspect import analyse, inspect
from tests.traces import TRACES

_PLACES = 7  # at which each trace is cut


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_no_later_packet_contradicts_it(path: Path) -> None:
    """A trace cut anywhere, looked at when the next packet is about to come."""
    whole = read_capture(path)
    said = {connection.number: connection.findings for connection in inspect(path).connections}
    data = np.fromfile(path, np.uint8)
    for place in np.linspace(1, len(whole.frame) - 1, _PLACES).astype(int):
        until = int(whole.offset[place - 1]) + int(whole.length[place - 1]) + 256
        so_far = parse_capture(data[: min(until, int(whole.offset[place]))], path.name)
        analysis = analyse(replace(so_far, secrets=()))
        for connection in certain(analysis, int(whole.time_ns[place]) - 1, ()):
            assert connection.findings == said[connection.number]


def test_what_was_told_is_not_told_again() -> None:
    analysis = inspect(next(path for path in TRACES if path.stem == "mailbox-full"))
    found = [connection.number for connection in certain(analysis, analysis.end_ns, ())]
    assert found
    assert [c.number for c in certain(analysis, analysis.end_ns, found[1:])] == found[:1]


def test_a_connection_that_lost_packets_is_told_in_the_end() -> None:
    analysis = inspect(next(path for path in TRACES if path.stem == "syn-lost-twice"))
    lossy = {row.connection for row in analysis.packets() if row.lost}
    assert lossy
    assert not lossy & {connection.number for connection in certain(analysis, analysis.end_ns, ())}
