"""The analysis of captures, for programs.  The schema's version changes when a field changes its meaning or goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from testbed import __version__
from testbed.trace.analysis import Analysis, PacketRow
from testbed.trace.model import Connection, Exchange, Finding

SCHEMA_VERSION = 1


def analyses_json(analyses: Sequence[Analysis], *, packets: bool) -> str:
    """``{"schema": 1, "captures": [{"file", "connections": […], "findings": […], "log": […]}]}``."""
    document = {
        "schema": SCHEMA_VERSION,
        "testbed": __version__,
        "captures": [_capture(analysis, packets) for analysis in analyses],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def ndjson(analysis: Analysis, *, packets: bool) -> Iterator[str]:
    """A line per capture, connection, packet and finding; ``type`` says which, ``file`` whose."""
    facts = {"frames": analysis.frames, "problems": list(analysis.problems)}
    yield _line("capture", analysis, {"schema": SCHEMA_VERSION, "testbed": __version__, **facts})
    yield from (_line("connection", analysis, _connection(connection)) for connection in analysis.connections)
    if packets:
        yield from (_line("packet", analysis, _packet(packet)) for packet in analysis.packets())
    yield from (_line("finding", analysis, finding_json(finding)) for finding in analysis.findings)


def _line(kind: str, analysis: Analysis, fields: dict[str, object]) -> str:
    return json.dumps({"type": kind, "file": analysis.path, **fields}, ensure_ascii=False)


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


def _capture(analysis: Analysis, packets: bool) -> dict[str, object]:
    result: dict[str, object] = {
        "file": analysis.path,
        "frames": analysis.frames,
        "start_ns": analysis.start_ns,
        "end_ns": analysis.end_ns,
        "problems": list(analysis.problems),
        "connections": [_connection(connection) for connection in analysis.connections],
        "findings": [finding_json(finding) for finding in analysis.findings],
        "log": [
            {"frame": e.frame, "time_ns": e.time_ns, "host": e.host, "event": e.event, "message": e.message}
            for e in analysis.log
        ],
    }
    if packets:
        result["packets"] = [_packet(packet) for packet in analysis.packets()]
    return result


def _connection(connection: Connection) -> dict[str, object]:
    return {
        "number": connection.number,
        "transport": connection.transport,
        "client": str(connection.client),
        "client_name": connection.client.name or None,
        "server": str(connection.server),
        "server_name": connection.server.name or None,
        "service": connection.service or None,
        "outcome": connection.outcome,
        "start_ns": connection.start_ns,
        "end_ns": connection.end_ns,
        "packets": connection.packets,
        "handshake": str(connection.handshake),
        "closure": str(connection.closure),
        "closed_by": connection.closed_by or None,
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
        "conn_state": connection.conn_state,
        "history": connection.history,
        "completeness": connection.completeness,
        "client_octets": connection.client_octets,
        "server_octets": connection.server_octets,
        "retransmissions": connection.retransmissions,
        "gaps": connection.gaps,
        "rtt_ns": connection.rtt_ns,
        "dialogue": [_exchange(exchange) for exchange in connection.exchanges],
        "messages": [
            {
                "message_id": t.message_id or None,
                "subject": t.subject or None,
                "sender": t.sender,
                "recipients": [
                    {"address": r.address, "reply": r.reply.status if r.reply else None, "accepted": r.accepted}
                    for r in t.recipients
                ],
            }
            for t in connection.transactions
        ],
        "findings": [finding_json(finding) for finding in connection.findings],
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
        "reply_frames": list(reply.frames) if reply else [],
        "latency_ns": exchange.latency_ns if command and command.frames else None,
        "note": exchange.note or None,
    }


def _packet(packet: PacketRow) -> dict[str, object]:
    return {
        "frame": packet.frame,
        "time_ns": packet.time_ns,
        "source": packet.source or None,
        "destination": packet.destination or None,
        "length": packet.length,
        "connection": packet.connection,
        "phase": str(packet.phase) if packet.phase else None,
        "step": packet.step or None,
        "tcp": list(packet.tcp),
        "lost": packet.lost,
        "comment": packet.comment or None,
    }
