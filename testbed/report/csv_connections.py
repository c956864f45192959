"""Connections as CSV, a row each, for spreadsheets.  The columns are fields of the JSON, one of them cut short."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from testbed.protocols.text import obeyed_by_none, printable
from testbed.report.json_analysis import utf8
from testbed.report.json_fields import CONNECTION
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
_FIELDS = {field.name: field for field in CONNECTION}


def connections_csv(analyses: Iterable[Analysis], out: TextIO, *, header: bool = True) -> None:
    """Write the header and a row per connection (RFC 4180), each as soon as it is known."""
    writer = csv.writer(out)
    if header:
        writer.writerow(COLUMNS)
    for analysis in analyses:
        for connection in analysis.connections:
            writer.writerow([_cell(value) for value in _row(analysis, connection)])


def _row(analysis: Analysis, connection: Connection) -> Iterator[object]:
    codes = " ".join(dict.fromkeys(finding.code for finding in connection.findings))
    given = {"file": analysis.path, "findings": codes}
    for name in COLUMNS:
        value = given[name] if name in given else _FIELDS[name].of(connection)
        yield "" if value is None else value


def _cell(value: object) -> str:
    """Text a spreadsheet cannot take for a formula, nor a terminal for an order: strangers' words land here."""
    if isinstance(value, int):
        return str(value)
    text = obeyed_by_none(printable(utf8(str(value))))
    return f"'{text}" if text.startswith(_FORMULA) else text
