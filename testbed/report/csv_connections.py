"""Connections as CSV, a row each, for spreadsheets.  The columns are fields of the JSON, one of them cut short."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from testbed.protocols.text import printable
from testbed.report.json_analysis import utf8
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection

_FORMULA = ("=", "+", "-", "@", "\t", "\r")

COLUMNS = (
    "file",
    "number",
    "transport",
    "client",
    "client_name",
    "server",
    "server_name",
    "service",
    "start_ns",
    "end_ns",
    "packets",
    "client_octets",
    "server_octets",
    "handshake",
    "closure",
    "closed_by",
    "conn_state",
    "history",
    "completeness",
    "retransmissions",
    "gaps",
    "rtt_ns",
    "outcome",
    "findings",
)


def connections_csv(analyses: Iterable[Analysis], out: TextIO, *, header: bool = True) -> None:
    """Write the header and a row per connection (RFC 4180), each as soon as it is known."""
    writer = csv.writer(out)
    if header:
        writer.writerow(COLUMNS)
    for analysis in analyses:
        for connection in analysis.connections:
            writer.writerow([_cell(value) for value in _row(analysis, connection)])


def _row(analysis: Analysis, c: Connection) -> tuple[object, ...]:
    return (
        analysis.path,
        c.number,
        c.transport.protocol,
        c.client,
        c.client.name,
        c.server,
        c.server.name,
        c.service,
        c.start_ns,
        c.end_ns,
        c.packets,
        c.transport.client_octets,
        c.transport.server_octets,
        c.opening.handshake,
        c.ending.closure,
        c.ending.by,
        c.transport.conn_state,
        c.transport.history,
        c.transport.completeness,
        c.transport.retransmissions,
        c.transport.gaps,
        "" if c.opening.rtt_ns is None else c.opening.rtt_ns,
        c.outcome,
        " ".join(dict.fromkeys(finding.code for finding in c.findings)),
    )


def _cell(value: object) -> str:
    """Text a spreadsheet cannot take for a formula, nor a terminal for an order: strangers' words land here."""
    if isinstance(value, int):
        return str(value)
    text = printable(utf8(str(value)))
    return f"'{text}" if text.startswith(_FORMULA) else text
