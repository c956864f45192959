"""What a trace tells in order of time, whatever form it is told in: connections and what hosts logged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.durations import span
from testbed.pcap.table import TCP
from testbed.plural import count
from testbed.protocols import events
from testbed.report.clock import Clock
from testbed.report.words import octets
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Severity
from testbed.trace.model.log import AnyEntry
from testbed.trace.services.table import service_of

_QUIET_EVENTS = (events.Answered, events.HoldsMail, events.LabStarted)


def items(analysis: Analysis, connections: Sequence[Connection]) -> Iterator[tuple[AnyEntry | Connection, int]]:
    """What stands on the timeline, with its time, in order."""
    found: list[tuple[int, int, AnyEntry | Connection]] = [
        *((entry.time_ns, entry.frame, entry) for entry in logged(analysis)),
        *((connection.start_ns, connection.first_frame, connection) for connection in connections),
    ]
    yield from ((item, time_ns) for time_ns, _, item in sorted(found, key=lambda item: item[:2]))


def logged(analysis: Analysis) -> Iterator[AnyEntry]:
    """What hosts logged that tells a reader something, in the order of the trace."""
    return (entry for entry in analysis.log if not isinstance(entry.event, _QUIET_EVENTS))


def logged_meanwhile(analysis: Analysis, connection: Connection) -> list[AnyEntry]:
    """What the hosts at the ends of a connection logged while it lasted."""
    hosts, frames = (connection.client.name, connection.server.name), (connection.first_frame, connection.last_frame)
    return [one for one in logged(analysis) if one.host in hosts and frames[0] <= one.frame <= frames[1]]


def is_question(connection: Connection) -> bool:
    """Whether it is a question and its answer, which one line tells."""
    return connection.transport.protocol == "udp" and service_of(connection.service).questions


def worst_of(connection: Connection) -> Severity | None:
    """The severity of the worst finding of a connection, None for one without any."""
    return max((finding.severity for finding in connection.findings), key=list(Severity).index, default=None)


def vital_signs(connection: Connection, clock: Clock) -> list[str]:
    """When, how long, how much, how TLS and TCP went, a few words each."""
    transport = connection.transport
    signs = [clock.dated(connection.start_ns), span(connection.end_ns - connection.start_ns)]
    signs.append(count(connection.packets, "packet"))
    signs.append(f"{octets(transport.client_octets)} → ← {octets(transport.server_octets)}")
    if connection.tls is not None:
        signs.append(connection.tls.summary)
    if transport.protocol == "tcp":
        signs += [f"{transport.conn_state} {transport.history}", f"completeness {transport.completeness}"]
        if transport.retransmissions:
            signs.append(count(transport.retransmissions, "retransmission"))
        if transport.gaps:
            signs.append(count(transport.gaps, "gap"))
    return signs


def account(analysis: Analysis) -> str:
    """A capture in a line: frames, time, connections."""
    protocols = analysis.understanding.flows.protocols()
    index = analysis.understanding.index
    tcp = sum(1 for number in analysis.connections.numbers if protocols[index(number)] == TCP)
    flows = len(analysis.connections) - tcp
    parts = [span(analysis.end_ns - analysis.start_ns), count(analysis.frames, "frame"), count(tcp, "TCP connection")]
    if flows:
        parts.append(count(flows, "UDP flow"))
    if analysis.log:
        parts.append(count(len(analysis.log), "log entry", "log entries"))
    return " · ".join(parts)
