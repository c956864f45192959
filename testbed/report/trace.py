"""An annotated trace for people: findings first, then hosts' logs and connections on one timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.durations import span
from testbed.pcap.table import TCP
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.text import printable
from testbed.report.ladder import ladder
from testbed.report.words import frames, octets
from testbed.trace.analysis import Analysis, PacketRow
from testbed.trace.directions import hops
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.log import AnyEntry, LogEntry
from testbed.trace.services.table import service_of
from testbed.trace.tcp.copies import COPY

MARKS = {Severity.INFO: ("•", "info"), Severity.WARNING: ("▲", "warning"), Severity.ERROR: ("✗", "error")}
_MOST_CONNECTIONS = 200
_TIME = 12
_WORTH = ("handshake", "FIN", "RST", "ICMP", "PROXY header")
_QUIET_EVENTS = (events.Answered, events.HoldsMail, events.LabStarted)


def trace_report(console: Console, analysis: Analysis, *, whole: bool = False) -> None:
    """Print the report.  ``whole`` shows every connection and every line of long replies."""
    console.print(Rule(Text(printable(Path(analysis.path).name), "bold"), align="left", style="quiet"))
    console.print(Text(account(analysis), "quiet"))
    if told := hops(analysis.connections).describe():
        console.print(Text(told, "quiet"))
    for problem in analysis.problems:
        console.print(Text(f"▲ {problem}", "warning"))
    if analysis.findings:
        console.print()
        console.print(findings(analysis.findings))
    shown = analysis.connections if whole else analysis.connections[:_MOST_CONNECTIONS]
    for item in _timeline(analysis, shown):
        if isinstance(item, LogEntry):
            console.print(_log_line(item, analysis.start_ns))
        else:
            _connection(console, analysis, item, whole)
    hidden = len(analysis.connections) - len(shown)
    if hidden:
        console.print(Text(f"… and {count(hidden, 'connection')} more; -v shows them all", "quiet"))


def _connection(console: Console, analysis: Analysis, connection: Connection, whole: bool) -> None:
    if connection.transport.protocol == "udp" and service_of(connection.service).questions and not whole:
        console.print(_one_line(connection, analysis.start_ns))
        return
    console.print()
    console.print(header(connection, analysis.start_ns))
    rungs = ladder(connection, _rungs(analysis, connection), console.width - 2, whole=whole)
    console.print(Padding(rungs, (0, 0, 1, 2), expand=False))


def ended(connection: Connection, start_ns: int) -> Table:
    """A connection that has ended, in a line, with the codes of its findings."""
    style = _style(connection, "")
    codes = ", ".join(dict.fromkeys(finding.code for finding in connection.findings))
    text = Text.assemble(
        (f"#{connection.number} {connection.service or connection.transport.protocol} ", "bold"),
        (f"{connection.client.label} → {connection.server.label}: ", "host"),
        (connection.outcome, style),
        (f"  {codes}" if codes else "", style),
        (f"  [{connection.first_frame}–{connection.last_frame}]", "quiet"),
    )
    return _at(connection.start_ns - start_ns, text)


def _one_line(connection: Connection, start_ns: int) -> Table:
    text = Text.assemble(
        (f"{connection.client.label} → {connection.server.label}: ", "host"),
        (connection.outcome, _style(connection, "")),
        (f"  [{connection.first_frame}–{connection.last_frame}]", "quiet"),
    )
    return _at(connection.start_ns - start_ns, text)


def _style(connection: Connection, harmless: str) -> str:
    """The style of the worst finding, or that of a connection without any."""
    worst = max((finding.severity for finding in connection.findings), key=list(Severity).index, default=None)
    return MARKS[worst][1] if worst else harmless


def _at(since_start_ns: int, text: Text) -> Table:
    """A line of the timeline; what does not fit goes on below the text, not below the time."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_TIME)
    table.add_column(overflow="fold")
    table.add_row(Text(f"+{span(since_start_ns)}", "quiet"), text)
    return table


def findings(found: tuple[Finding, ...]) -> Table:
    """Findings, each with its frames and its reference."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        mark, style = MARKS[finding.severity]
        text = Text(finding.text)
        evidence = ", ".join(part for part in (frames(finding.frames), finding.reference) if part)
        if evidence:
            text.append(f"  [{evidence}]", "quiet")
        table.add_row(Text(mark, style), text)
    return table


def header(connection: Connection, start_ns: int) -> Text:
    """The outcome of a connection in one line, and its vital signs in a second."""
    style = _style(connection, "held")
    transport = connection.transport
    service = connection.service or transport.protocol
    text = Text.assemble(
        (f"#{connection.number} {service:<5} ", "bold"),
        (connection.client.label, "host"),
        " → ",
        (f"{connection.server.label}:{connection.server.port}", "host"),
        "  ",
        (connection.outcome, style),
    )
    signs = [f"+{span(connection.start_ns - start_ns)}", count(connection.packets, "packet")]
    signs += [f"{octets(transport.client_octets)} → ← {octets(transport.server_octets)}"]
    if connection.tls is not None:
        signs.append(connection.tls.summary)
    if transport.protocol == "tcp":
        signs += [f"{transport.conn_state} {transport.history}", f"completeness {transport.completeness}"]
        if transport.retransmissions:
            signs.append(count(transport.retransmissions, "retransmission"))
        if transport.gaps:
            signs.append(count(transport.gaps, "gap"))
    return text.append("\n   " + " · ".join(signs), "quiet")


def _rungs(analysis: Analysis, connection: Connection) -> list[PacketRow]:
    """The packets worth a rung of their own: those that open, close or disturb."""
    if connection.transport.protocol != "tcp" and connection.opening.handshake is not Handshake.UNREACHABLE:
        return []
    return [packet for packet in analysis.packets(connection.number) if packet.step != COPY and _is_worth_it(packet)]


def _is_worth_it(packet: PacketRow) -> bool:
    if packet.tcp or packet.lost or packet.comment:
        return True
    return packet.step.startswith(_WORTH) or packet.step.endswith(_WORTH)


def account(analysis: Analysis) -> str:
    """A capture in a line: frames, time, connections."""
    protocols = analysis.understanding.flows.protocols()
    index = analysis.understanding.index
    tcp = sum(1 for number in analysis.connections.numbers if protocols[index(number)] == TCP)
    flows = len(analysis.connections) - tcp
    parts = [
        count(analysis.frames, "frame"),
        span(analysis.end_ns - analysis.start_ns),
        count(tcp, "TCP connection"),
    ]
    if flows:
        parts.append(count(flows, "UDP flow"))
    if analysis.log:
        parts.append(count(len(analysis.log), "log entry").replace("entrys", "entries"))
    return " · ".join(parts)


def _timeline(analysis: Analysis, connections: Sequence[Connection]) -> Iterator[AnyEntry | Connection]:
    entries = [entry for entry in analysis.log if not isinstance(entry.event, _QUIET_EVENTS)]
    items: list[tuple[int, int, AnyEntry | Connection]] = [
        *((entry.time_ns, entry.frame, entry) for entry in entries),
        *((connection.start_ns, connection.first_frame, connection) for connection in connections),
    ]
    yield from (item for _, _, item in sorted(items, key=lambda item: item[:2]))


def _log_line(entry: AnyEntry, start_ns: int) -> Table:
    style = "lost" if isinstance(entry.event, events.Fault) else "bold" if isinstance(entry.event, events.Step) else ""
    text = Text.assemble((f"{entry.host}: ", "host"), (entry.message, style), (f"  [{entry.frame}]", "quiet"))
    return _at(entry.time_ns - start_ns, text)
