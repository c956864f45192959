"""From a capture file to its analysis."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from testbed.pcap.capture import Capture, JournalEntry
from testbed.pcap.read import read_capture
from testbed.pcap.table import PacketTable, packet_table
from testbed.protocols.tcp import Options, parse_options
from testbed.protocols.text import printable
from testbed.trace.analysis import PHASES, Analysis, Labels
from testbed.trace.connection import Source, Understood, understand
from testbed.trace.findings import find_in_capture, find_in_connection
from testbed.trace.flows import Flow, flows
from testbed.trace.icmp import Complaint, complaints
from testbed.trace.model import Connection, LogEntry

_PREFIX = "TESTBED_"


def inspect(path: str | os.PathLike[str]) -> Analysis:
    """Annotate a capture, pcap or pcapng.  Raises CaptureError when the file is none."""
    return analyse(read_capture(path), os.fspath(path))


def analyse(capture: Capture, path: str = "capture") -> Analysis:
    """Annotate a capture already read."""
    table = packet_table(capture)
    source = Source(_payloads(capture, table), _options(capture, table), capture.names)
    found = flows(table)
    unreachable = _by_flow(found, list(complaints(capture, table)))
    understood = [understand(number, flow, source, number - 1 in unreachable) for number, flow in enumerate(found, 1)]
    connections = tuple(_with_findings(item.connection) for item in understood)
    overall = find_in_capture(connections)
    log = tuple(_log_entry(entry) for entry in capture.journal)
    times = [*capture.time_ns[[0, -1]].tolist()] if len(capture.time_ns) else []
    times += [entry.time_ns for entry in log]
    return Analysis(
        path=path,
        frames=capture.frames,
        start_ns=min(times, default=0),
        end_ns=max(times, default=0),
        names=capture.names,
        connections=connections,
        log=log,
        findings=(*overall, *(finding for connection in connections for finding in connection.findings)),
        problems=(*capture.problems, *table.unread),
        capture=capture,
        table=table,
        labels=_labels(table, found, understood, unreachable),
    )


def _with_findings(connection: Connection) -> Connection:
    return replace(connection, findings=find_in_connection(connection))


def _by_flow(found: list[Flow], errors: list[Complaint]) -> dict[int, list[Complaint]]:
    """Complaints by the index of the flow they concern."""
    if not errors:
        return {}
    ends: dict[tuple[tuple[str, int], tuple[str, int]], list[int]] = {}
    for number, flow in enumerate(found):
        ends.setdefault((flow.client, flow.server), []).append(number)
        ends.setdefault((flow.server, flow.client), []).append(number)
    result: dict[int, list[Complaint]] = {}
    for error in errors:
        numbers = ends.get((error.source, error.destination), [])
        earlier = [n for n in numbers if found[n].index[0] < error.row]
        if earlier:
            result.setdefault(earlier[-1], []).append(error)
    return result


def _payloads(capture: Capture, table: PacketTable) -> Callable[[int], bytes]:
    data, start, captured = capture.data, table.payload, table.captured

    def payload(row: int) -> bytes:
        at = int(start[row])
        return data[at : at + int(captured[row])].tobytes()

    return payload


def _options(capture: Capture, table: PacketTable) -> Callable[[int], Options]:
    data, transport, payload = capture.data, table.transport, table.payload
    end = capture.offset + capture.length

    def options(row: int) -> Options:
        stop = min(int(payload[row]), int(end[int(table.row[row])]))
        return parse_options(data[int(transport[row]) + 20 : stop].tobytes())

    return options


def _labels(
    table: PacketTable, found: list[Flow], understood: list[Understood], unreachable: dict[int, list[Complaint]]
) -> Labels:
    connection = np.zeros(len(table), np.int32)
    phase = np.zeros(len(table), np.int8)
    events = np.zeros(len(table), np.int16)
    step = np.zeros(len(table), np.int32)
    words: dict[str, int] = {"": 0}
    for flow, item in zip(found, understood, strict=True):
        connection[flow.index] = item.connection.number
        phase[flow.index] = [PHASES.index(p) for p in item.phases]
        events[flow.index] = item.events
        step[flow.index] = [words.setdefault(text, len(words)) for text in item.steps]
    for number, errors in unreachable.items():
        for error in errors:
            connection[error.row] = understood[number].connection.number
            phase[error.row] = PHASES.index(understood[number].phases[-1])
            step[error.row] = words.setdefault(error.what, len(words))
    return Labels(connection, phase, events, step, tuple(words))


def _log_entry(entry: JournalEntry) -> LogEntry:
    fields = entry.fields
    ours = {name.removeprefix(_PREFIX).lower(): value for name, value in fields.items() if name.startswith(_PREFIX)}
    event = ours.pop("event", "")
    exact = ours.pop("time_ns", "")
    micros = fields.get("__REALTIME_TIMESTAMP", "")
    time_ns = int(exact) if _is_number(exact) else int(micros) * 1000 if _is_number(micros) else 0
    host = fields.get("_HOSTNAME", "")
    message = fields.get("MESSAGE", "")
    safe = {name: value if name == "scenario" else printable(value) for name, value in ours.items()}
    return LogEntry(entry.frame, time_ns, printable(host), printable(event), printable(message), safe)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
