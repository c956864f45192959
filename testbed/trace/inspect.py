"""From a capture file to its analysis."""

from __future__ import annotations

import os

from testbed.pcap.capture import Capture
from testbed.pcap.decode import packet_table
from testbed.pcap.read import read_capture
from testbed.trace.analysis import Analysis
from testbed.trace.flows import Flows, flows
from testbed.trace.icmp import Complaint, complaints
from testbed.trace.model.log import log_entry
from testbed.trace.services.table import PORTS
from testbed.trace.staged import staged
from testbed.trace.tls.decryption import decrypt
from testbed.trace.understanding import Understanding
from testbed.trace.worth_judging import NOTHING_KNOWN, KnownElsewhere

_REDACTED = (
    "redacted: names, addresses, subjects, bodies, and files are replaced by others of the same length; "
    "the senders are not judged, as no signature fits any more"
)


def inspect(
    path: str | os.PathLike[str],
    keylog: str | None = None,
    *,
    show_credentials: bool = False,
    known: KnownElsewhere = NOTHING_KNOWN,
) -> Analysis:
    """Analyse a capture, pcap or pcapng.

    TLS is decrypted with the keys in the capture and those in the file ``keylog``; passwords are masked unless
    ``show_credentials`` is set; ``known`` is what DNS said elsewhere.  Raises CaptureError if the file is not a
    capture, UsageError if the key log is not one.
    """
    capture = read_capture(path)
    return analyse(capture, os.fspath(path), keylog, show_credentials=show_credentials, known=known)


def analyse(
    capture: Capture,
    path: str = "capture",
    keylog: str | None = None,
    *,
    show_credentials: bool = False,
    piece: bool = False,
    known: KnownElsewhere = NOTHING_KNOWN,
) -> Analysis:
    """Analyse a capture that has been read, or a ``piece`` of one."""
    table = packet_table(capture)
    found = flows(table, PORTS)
    decrypted = decrypt(found, capture.secrets, keylog, piece=piece)
    errors = _by_flow(found, list(complaints(table)))
    log = tuple(log_entry(entry) for entry in capture.journal)
    times = [*capture.time_ns[[0, -1]].tolist()] if len(capture.time_ns) else []
    times += [entry.time_ns for entry in log]
    return Analysis(
        path=path,
        frames=capture.frames,
        start_ns=min(times, default=0),
        end_ns=max(times, default=0),
        names=capture.names,
        log=log,
        problems=(*_redacted(capture), *capture.problems, *table.unread, *decrypted.problems),
        capture=capture,
        table=table,
        understanding=Understanding(
            table, found, capture.names, errors, decrypted, show_credentials, staged(log), max(times, default=0)
        ),
        known=known,
        in_pieces=piece,
    )


def _redacted(capture: Capture) -> tuple[str, ...]:
    return (_REDACTED,) if capture.redacted else ()


def _by_flow(found: Flows, errors: list[Complaint]) -> dict[int, list[Complaint]]:
    """Complaints by the flow they concern, numbered from 0: the last one with these ends that had begun."""
    if not errors:
        return {}
    wanted = {frozenset((error.source, error.destination)) for error in errors}
    ends: dict[frozenset[tuple[str, int]], list[int]] = {}
    firsts = found.order[found.start].tolist()
    for number, first in enumerate(firsts):
        pair = frozenset(found.table.ends(first))
        if pair in wanted:
            ends.setdefault(pair, []).append(number)
    result: dict[int, list[Complaint]] = {}
    for error in errors:
        numbers = ends.get(frozenset((error.source, error.destination)), [])
        earlier = [number for number in numbers if firsts[number] < error.row]
        if earlier:
            result.setdefault(earlier[-1], []).append(error)
    return result
