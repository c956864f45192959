"""The analysis of captures, for programs.  The schema's version changes when a field changes its meaning or goes.

What the fields mean stands in :mod:`testbed.report.json_schema`.  Everything is written while it is found: connections
are taken one at a time, packets come from columns, and no list of either is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from types import GeneratorType

import numpy as np
from numpy.typing import NDArray

from testbed import __version__
from testbed.protocols.tls import alert_name, version_name
from testbed.report.packet_columns import end_text, packet_columns, packet_comment, packet_step, words
from testbed.trace.analysis import PHASES, Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding
from testbed.trace.model.log import AnyEntry
from testbed.trace.model.tls import TlsSession
from testbed.trace.tcp.events import event_names

SCHEMA_VERSION = 1
_ROWS = 1 << 14  # packets whose columns are turned into Python's numbers at a time
_LONE = re.compile("[\ud800-\udfff]")
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

_encode = json.JSONEncoder(ensure_ascii=False).encode
_encode_indented = json.JSONEncoder(ensure_ascii=False, indent=2).encode


def analyses_json(analyses: Iterable[Analysis], *, packets: bool) -> Iterator[str]:
    """``{"schema": 1, "captures": [{"file", "connections": […], "findings": […], "log": […]}]}``, in pieces.

    The pieces joined are one indented document, without a line feed at its end.
    """
    document = {
        "schema": SCHEMA_VERSION,
        "testbed": __version__,
        "captures": (_capture(analysis, packets) for analysis in analyses),
    }
    yield from map(harmless, _pieces(document, ""))


def ndjson(analysis: Analysis, *, packets: bool) -> Iterator[str]:
    """A line per capture, connection, packet and finding; ``type`` says which, ``file`` whose."""
    facts = {"frames": analysis.frames, "problems": list(analysis.problems)}
    yield _line("capture", analysis, {"schema": SCHEMA_VERSION, "testbed": __version__, **facts})
    yield from (_line("connection", analysis, connection_json(connection)) for connection in analysis.connections)
    if packets:
        yield from (_line("packet", analysis, packet) for packet in packets_json(analysis))
    yield from (_line("finding", analysis, finding_json(finding)) for finding in analysis.findings)


def _line(kind: str, analysis: Analysis, fields: dict[str, object]) -> str:
    return harmless(_encode({"type": kind, "file": analysis.path, **fields}))


def harmless(text: str) -> str:
    """JSON in which what a terminal would obey, or show in another order, is written as an escape."""
    text = utf8(text)
    if text.isascii() and "\x7f" not in text:
        return text
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def utf8(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates, as from file names that are no UTF-8, become U+FFFD."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def _pieces(value: object, pad: str) -> Iterator[str]:
    """The text of a value, as ``json.dumps(indent=2)`` writes it; a generator in it becomes an array, item by item."""
    inner = pad + "  "
    items: Iterable[tuple[str, object]]
    if isinstance(value, GeneratorType):
        opening, closing, items = "[", "]", (("", item) for item in value)
    elif isinstance(value, dict) and any(isinstance(item, GeneratorType) for item in value.values()):
        opening, closing, items = "{", "}", ((f"{_encode(name)}: ", item) for name, item in value.items())
    else:
        yield _indented(value, pad)
        return
    mark = opening
    for name, item in items:
        yield f"{mark}\n{inner}{name}"
        yield from _pieces(item, inner)
        mark = ","
    yield opening + closing if mark == opening else f"\n{pad}{closing}"


def _indented(value: object, pad: str) -> str:
    """What ``json.dumps(indent=2)`` writes.  That is slow Python, so packets, most of which are flat, go to its C."""
    nested = not isinstance(value, dict) or any(
        item and isinstance(item, dict | list | tuple) for item in value.values()
    )
    if value and not nested:
        inner = f"{pad}  "
        return f"{{\n{inner}{_flat(inner)(value)[1:-1]}\n{pad}}}"
    return _encode_indented(value).replace("\n", f"\n{pad}")


@cache
def _flat(pad: str) -> Callable[[object], str]:
    return json.JSONEncoder(ensure_ascii=False, separators=(f",\n{pad}", ": ")).encode


def finding_json(finding: Finding) -> dict[str, object]:
    """One finding."""
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "text": finding.text,
        "frames": list(finding.frames),
        "reference": finding.reference,
        "connections": list(finding.connections),
    }


def _entry_json(entry: AnyEntry) -> dict[str, object]:
    return {
        "frame": entry.frame,
        "time_ns": entry.time_ns,
        "host": entry.host,
        "event": entry.event.word if entry.event is not None else "",
        "message": entry.message,
    }


def _capture(analysis: Analysis, packets: bool) -> dict[str, object]:
    result: dict[str, object] = {
        "file": analysis.path,
        "frames": analysis.frames,
        "start_ns": analysis.start_ns,
        "end_ns": analysis.end_ns,
        "problems": list(analysis.problems),
        "connections": (connection_json(connection) for connection in analysis.connections),
        "findings": (finding_json(finding) for finding in analysis.findings),
        "log": (_entry_json(entry) for entry in analysis.log),
    }
    if packets:
        result["packets"] = packets_json(analysis)
    return result


def connection_json(connection: Connection) -> dict[str, object]:
    """One connection with its dialogue."""
    return {
        "number": connection.number,
        "transport": connection.transport.protocol,
        "client": str(connection.client),
        "client_name": connection.client.name or None,
        "server": str(connection.server),
        "server_name": connection.server.name or None,
        "service": connection.service or None,
        "outcome": connection.outcome,
        "start_ns": connection.start_ns,
        "end_ns": connection.end_ns,
        "packets": connection.packets,
        "handshake": str(connection.opening.handshake),
        "closure": str(connection.ending.closure),
        "closed_by": connection.ending.by or None,
        "phases": [
            {
                "phase": str(phase.phase),
                "start_ns": phase.start_ns,
                "end_ns": phase.end_ns,
                "first_frame": phase.first_frame,
                "last_frame": phase.last_frame,
                "packets": phase.packets,
            }
            for phase in connection.phases
        ],
        "conn_state": connection.transport.conn_state,
        "history": connection.transport.history,
        "completeness": connection.transport.completeness,
        "client_octets": connection.transport.client_octets,
        "server_octets": connection.transport.server_octets,
        "retransmissions": connection.transport.retransmissions,
        "gaps": connection.transport.gaps,
        "rtt_ns": connection.opening.rtt_ns,
        "tls": _tls(connection.tls) if connection.tls else None,
        "dialogue": [_exchange(exchange) for exchange in connection.exchanges],
        "messages": [
            {
                "message_id": t.message_id or None,
                "subject": t.subject or None,
                "sender": t.sender,
                "recipients": [
                    {
                        "address": r.address,
                        "reply": r.reply.status if r.reply else None,
                        "final": r.final.status if r.final else None,
                        "accepted": r.accepted,
                    }
                    for r in t.recipients
                ],
            }
            for t in connection.transactions
        ],
        "findings": [finding_json(finding) for finding in connection.findings],
    }


def _tls(tls: TlsSession) -> dict[str, object]:
    return {
        "version": version_name(tls.version) or None,
        "cipher": tls.suite or None,
        "server_name": tls.server_name or None,
        "alpn": tls.alpn or None,
        "implicit": tls.implicit,
        "decrypted_records": tls.opened,
        "alerts": ["encrypted" if alert.code is None else alert_name(alert.code)[0] for alert in tls.alerts],
    }


def _exchange(exchange: Exchange) -> dict[str, object]:
    command, reply = exchange.command, exchange.reply
    return {
        "phase": str(exchange.phase),
        "command": command.verb if command else None,
        "argument": command.argument if command else None,
        "command_frames": list(command.frames) if command else [],
        "octets": command.octets if command else None,
        "code": reply.code if reply else None,
        "enhanced": (reply.enhanced or None) if reply else None,
        "lines": list(reply.lines) if reply else [],
        "further": [f"{more.status} {more.text}".strip() for more in exchange.further],
        "reply_frames": list(exchange.reply_frames),
        "latency_ns": exchange.latency_ns if command and command.frames else None,
        "note": exchange.note or None,
    }


def packets_json(analysis: Analysis) -> Iterator[dict[str, object]]:
    """Every packet in file order, straight from the columns."""

    def column(numbers: NDArray[np.generic], word: Callable[[int], object]) -> Iterator[object]:
        distinct, places = words(numbers, word)
        return map(distinct.__getitem__, places.tolist())

    end_of = partial(end_text, analysis)
    for part in packet_columns(analysis, _ROWS):
        frames = part.frame.tolist()
        columns = {
            "frame": frames,
            "time_ns": part.time_ns.tolist(),
            "source": column(part.source, end_of),
            "destination": column(part.destination, end_of),
            "length": part.length.tolist(),
            "connection": column(part.connection, lambda number: number or None),
            "phase": column(part.phase, PHASES.__getitem__),
            "step": column(part.step, partial(packet_step, analysis)),
            "tcp": column(part.events, event_names),
            "lost": part.lost.tolist(),
            "comment": (packet_comment(analysis, frame) for frame in frames),
        }
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))
