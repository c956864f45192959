"""Everything that inspecting can give of a capture, as octets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from testbed.pcap.capture import Capture
from testbed.pcap.decode import packet_table
from testbed.pcap.read import parse_capture
from testbed.report.annotate import annotate
from testbed.report.clock import Clock
from testbed.report.console import console
from testbed.report.csv_connections import connections_csv
from testbed.report.export_mail import export_mail
from testbed.report.html.capture import capture_html
from testbed.report.json_analysis import analyses_json, ndjson
from testbed.report.packets import packet_list
from testbed.report.parquet import write_parquet
from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects


def outputs(analysis: Analysis, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each output by its name."""
    yield "--json", "".join(analyses_json(iter([analysis]), packets=True)).encode()
    yield "--ndjson", "\n".join(ndjson(analysis, packets=True)).encode()
    rows = io.StringIO()
    connections_csv([analysis], rows)
    yield "--csv", rows.getvalue().encode()
    report, packets = io.StringIO(), io.StringIO()
    trace_report(console(report), analysis, whole=True)
    packet_list(console(packets), analysis)
    yield "report", report.getvalue().encode()
    yield "--packets", packets.getvalue().encode()
    written = io.BytesIO()
    annotate(analysis, written)
    yield "-o", b"\n".join(said(parse_capture(np.frombuffer(written.getvalue(), np.uint8))))
    for message in export_mail(mail_objects(analysis), folder / "mail", lambda _: None, lambda _: None):
        yield "--export-mail", Path(message).read_bytes()
    yield "--html", capture_html(iter([analysis]), clock=Clock(utc=True)).encode()
    yield "the file in a page", b"\n".join(said(parse_capture(analysis.capture.data)))
    yield "--parquet", b"\n".join(_rows(analysis, folder / "tables"))


def said(capture: Capture) -> Iterator[bytes]:
    """What a capture holds of text: what its packets carry, log entries, names, comments."""
    table = packet_table(capture)
    yield from (table.octets(row) for row in range(len(table)))
    for entry in capture.journal:
        yield from (value.encode() for value in entry.fields.values())
    yield from (name.encode() for name in (*capture.names.values(), *(one.name for one in capture.interfaces)))
    yield from (text.encode() for texts in capture.comments.values() for text in texts)
    yield from (address.encode() for address in (*capture.names, *table.addresses))


def _rows(analysis: Analysis, folder: Path) -> Iterator[bytes]:
    import pyarrow
    from pyarrow.parquet import read_table

    for path in write_parquet(iter([analysis]), folder):
        for column in read_table(path).columns:
            for leaf in _leaves(column.combine_chunks(), pyarrow.types):
                yield repr(leaf.to_pylist()).encode()


def _leaves(array: Any, types: Any) -> Iterator[Any]:
    """The plain arrays within one, but for times."""
    if types.is_struct(array.type):
        for inner in array.flatten():
            yield from _leaves(inner, types)
    elif types.is_list(array.type):
        yield from _leaves(array.flatten(), types)
    elif types.is_dictionary(array.type):
        yield from _leaves(array.dictionary, types)
    elif not types.is_timestamp(array.type):
        yield array
