"""One flow to one connection: handshake, dialogue, phases, closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from testbed.pcap.table import TCP
from testbed.protocols.services import service_by_content, service_by_port
from testbed.protocols.tcp import ACK, FIN, RST, SYN, Options
from testbed.trace import zeek
from testbed.trace.dialogue import Spoken, first_octets, listen
from testbed.trace.flows import CLIENT, Flow
from testbed.trace.model import Closure, Connection, Endpoint, Handshake, Phase
from testbed.trace.outcome import outcome
from testbed.trace.phases import Boundaries, boundaries, spans, steps
from testbed.trace.reassembly import Chunk, reassemble
from testbed.trace.tcp_events import RETRANSMITTED, tcp_events


@dataclass(frozen=True, slots=True)
class Understood:
    """A connection and the labels of its packets, one per packet of the flow."""

    connection: Connection
    phases: list[Phase]
    steps: list[str]
    events: list[int]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the octets behind a row of the packet table are."""

    payload: Callable[[int], bytes]
    options: Callable[[int], Options]
    names: Mapping[str, str]


def understand(number: int, flow: Flow, source: Source, unreachable: bool) -> Understood:
    """Analyse one flow.  ``unreachable`` tells that an ICMP error answered its first packet."""
    return (_tcp if flow.protocol == TCP else _udp)(number, flow, source, unreachable)


def _tcp(number: int, flow: Flow, source: Source, unreachable: bool) -> Understood:
    client_head, server_head, items = first_octets(reassemble(flow, source.payload))
    by_port = service_by_port("tcp", flow.server[1])
    service = service_by_content(client_head, server_head) if by_port not in ("smtp", "submission") else by_port
    spoken = listen("tcp", service or by_port, items)
    rtt = _rtt(flow)
    events = tcp_events(flow, source.options)
    division = boundaries(flow, spoken.exchanges)
    closure, closed_by, closure_frames = _closure(flow)
    connection = _connection(
        number,
        flow,
        source,
        spoken,
        transport="tcp",
        handshake=_handshake(flow, unreachable),
        closure=closure,
        closed_by=closed_by,
        closure_frames=closure_frames,
        phases=spans(flow, division),
        conn_state=zeek.conn_state(flow),
        history=zeek.history(flow, [(gap.frame, gap.side) for gap in spoken.gaps]),
        completeness=zeek.completeness(flow),
        retransmissions=sum(1 for mask in events if mask & RETRANSMITTED),
        syn_frames=tuple(f for f, flags in zip(flow.frame, flow.flags, strict=True) if flags & SYN and not flags & ACK),
        retransmitted_frames=tuple(
            frame
            for frame, length, mask in zip(flow.frame, flow.length, events, strict=True)
            if length and mask & RETRANSMITTED
        ),
        rtt_ns=rtt,
    )
    return Understood(
        connection, [division.phase(frame) for frame in flow.frame], steps(flow, spoken.exchanges), events
    )


def _udp(number: int, flow: Flow, source: Source, unreachable: bool) -> Understood:
    service = service_by_port("udp", flow.server[1])
    items = (Chunk(flow.side[p], source.payload(flow.index[p]), flow.frame[p], flow.time[p]) for p in range(len(flow)))
    spoken = listen("udp", service, items)
    division = Boundaries(0, 1 << 62)
    connection = _connection(
        number,
        flow,
        source,
        spoken,
        transport="udp",
        handshake=Handshake.UNREACHABLE if unreachable else Handshake.UNSEEN,
        closure=Closure.OPEN,
        closed_by="",
        closure_frames=(),
        phases=spans(flow, division),
        conn_state=zeek.udp_state(flow),
        history=zeek.udp_history(flow),
        completeness=0,
        retransmissions=0,
        rtt_ns=None,
    )
    words = {frame: e.command.verb for e in spoken.exchanges if e.command for frame in e.command.frames}
    words |= {frame: f"{e.reply.code} answer" for e in spoken.exchanges if e.reply for frame in e.reply.frames}
    labels = [words.get(frame, "datagram") for frame in flow.frame]
    return Understood(connection, [Phase.TRANSFER] * len(flow), labels, [0] * len(flow))


def _connection(number: int, flow: Flow, source: Source, spoken: Spoken, **facts: object) -> Connection:
    client, server = (Endpoint(a, port, source.names.get(a, "")) for a, port in (flow.client, flow.server))
    octets = [_octets(flow, side) for side in (0, 1)]
    values: dict[str, object] = {
        "number": number,
        "client": client,
        "server": server,
        "service": spoken.service,
        "start_ns": min(flow.time),
        "end_ns": max(flow.time),
        "first_frame": flow.frame[0],
        "last_frame": flow.frame[-1],
        "packets": len(flow),
        "exchanges": spoken.exchanges,
        "transactions": spoken.transactions,
        "client_octets": octets[0],
        "server_octets": octets[1],
        "gaps": len(spoken.gaps),
        "syn_frames": (),
        "retransmitted_frames": (),
        "findings": (),
        **facts,
    }
    values["outcome"] = outcome(
        spoken.service,
        values["handshake"],  # type: ignore[arg-type]
        values["closure"],  # type: ignore[arg-type]
        str(values["closed_by"]),
        spoken.exchanges,
        spoken.transactions,
    )
    return Connection(**values)  # type: ignore[arg-type]


def _octets(flow: Flow, side: int) -> int:
    """Payload one side sent, told by its sequence numbers where TCP has them, so nothing counts twice."""
    rows = [p for p in range(len(flow)) if flow.side[p] == side and flow.length[p]]
    if flow.protocol != TCP or not rows:
        return sum(flow.length[p] for p in rows)
    seen: set[tuple[int, int]] = set()
    total = 0
    for p in rows:
        key = (flow.sequence[p], flow.length[p])
        if key not in seen:
            seen.add(key)
            total += flow.length[p]
    return total


def _handshake(flow: Flow, unreachable: bool) -> Handshake:
    syn = synack = False
    for position, flags in enumerate(flow.flags):
        if flags & RST:
            if syn and not synack:
                return Handshake.REFUSED if flow.side[position] != CLIENT else Handshake.INCOMPLETE
            break
        if flags & SYN:
            synack = synack or bool(flags & ACK)
            syn = syn or not flags & ACK
        elif synack and flow.side[position] == CLIENT and flags & ACK:
            return Handshake.COMPLETE
    if synack:
        return Handshake.INCOMPLETE
    if syn and unreachable:
        return Handshake.UNREACHABLE
    only_client = all(side == CLIENT for side in flow.side)
    return Handshake.UNANSWERED if syn and only_client else Handshake.UNSEEN


def _closure(flow: Flow) -> tuple[Closure, str, tuple[int, ...]]:
    fins: dict[int, int] = {}
    for position, flags in enumerate(flow.flags):
        side, frame = flow.side[position], flow.frame[position]
        if flags & RST and len(fins) < 2:
            return Closure.RESET, ("client", "server")[side], (*fins.values(), frame)
        if flags & FIN:
            fins.setdefault(side, frame)
    if not fins:
        return Closure.OPEN, "", ()
    first = next(iter(fins))
    kind = Closure.NORMAL if len(fins) == 2 else Closure.HALF
    return kind, ("client", "server")[first], tuple(fins.values())


def _rtt(flow: Flow) -> int | None:
    """Wireshark's initial RTT: from the SYN to the ACK that completes the handshake."""
    syn: int | None = None
    synack = False
    for position, flags in enumerate(flow.flags):
        if flags & SYN and not flags & ACK and syn is None:
            syn = flow.time[position]
        elif flags & SYN:
            synack = True
        elif synack and syn is not None and flow.side[position] == CLIENT:
            return flow.time[position] - syn
    return None
