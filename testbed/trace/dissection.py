"""One flow to one connection: handshake, dialogue, phases, closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from testbed.pcap.checksums import UNKNOWN
from testbed.pcap.table import TCP
from testbed.protocols.tcp import Options
from testbed.trace.flows import CLIENT, SERVER, Flow
from testbed.trace.model.connection import Closure, Connection, Endpoint, Handshake, Opening, Transport
from testbed.trace.model.exchange import CAPTURE_ENDS, NOT_CAPTURED
from testbed.trace.model.phase import Phase
from testbed.trace.model.remark import Remark, Remarks
from testbed.trace.model.tls import TlsSession
from testbed.trace.outcome import outcome
from testbed.trace.phases import Boundaries, boundaries, in_order, spans, steps
from testbed.trace.services.behind_tls import with_tls
from testbed.trace.services.cut_off import cut_off
from testbed.trace.services.listening import Spoken, first_octets, listen
from testbed.trace.services.table import name_by_port, name_spoken
from testbed.trace.tcp import zeek
from testbed.trace.tcp.copies import COPY, Contents, sendings
from testbed.trace.tcp.discarded import Conditions, discarded, repetitions, without
from testbed.trace.tcp.events import RETRANSMITTED, tcp_events
from testbed.trace.tcp.evidence import Evidence
from testbed.trace.tcp.facts import ending, octets, opening, sent_again
from testbed.trace.tcp.forged import forged
from testbed.trace.tcp.overtaken import Overtaken
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import Chunk, holes_as_captured, reassemble
from testbed.trace.tcp.remarks import closed_windows, tcp_remarks
from testbed.trace.tcp.taken import taken
from testbed.trace.tls.decryption import Decrypted
from testbed.trace.tls.records import OpenedRecords
from testbed.trace.tls.session import TlsWatch

_NEVER = 1 << 62


class Understood(Struct, frozen=True):
    """A connection and the labels of its packets, one per packet of the flow."""

    connection: Connection
    phases: list[Phase]
    steps: list[str]
    events: list[int]


class PacketSource(Struct, frozen=True):
    """Where the octets behind a row of the packet table are, the names of addresses, and what keys opened.

    ``conditions`` are those of rows (:mod:`testbed.pcap.condition`), ``numbers`` their IP identifications, ``contents``
    what two rows share that hold the same packet, ``hops`` how many hops were left to them.  ``end_ns`` is when the
    capture ends.
    """

    payload: Callable[[int], bytes]
    options: Callable[[int], Options]
    names: Mapping[str, str]
    decrypted: Decrypted = field(default_factory=Decrypted)
    show_credentials: bool = False
    conditions: Conditions = lambda rows: [UNKNOWN] * len(rows)
    numbers: Callable[[list[int]], list[int]] = lambda rows: [-1] * len(rows)
    contents: Contents = lambda rows: rows
    end_ns: int = _NEVER
    hops: Callable[[list[int]], list[int]] = lambda rows: [-1] * len(rows)

    def endpoint(self, end: tuple[str, int]) -> Endpoint:
        """An end of a flow with its name."""
        address, port = end
        return Endpoint(address, port, self.names.get(address, ""))


class Objection(Struct, frozen=True):
    """An ICMP error about a flow: what it says, and whether that is final for the packet it is about."""

    frame: int
    what: str
    is_final: bool


def understand(
    number: int, index: int, flow: Flow, source: PacketSource, objections: Sequence[Objection] = ()
) -> Understood:
    """Analyse one flow, ``index`` its place among all.  ``objections`` are the ICMP errors about it."""
    if flow.protocol == TCP:
        return _tcp(number, flow, source, source.decrypted.of(index), objections)
    return _udp(number, flow, source, any(objection.is_final for objection in objections))


def received(flow: Flow, source: PacketSource) -> Flow:
    """A flow without the packets that their receiver discarded, or never took."""
    if flow.protocol != TCP:
        return flow
    return taken(flow, source.payload, source.conditions, source.hops)


def _tcp(
    number: int, seen: Flow, source: PacketSource, opened: OpenedRecords, objections: Sequence[Objection]
) -> Understood:
    """``seen`` is the flow as the capture has it, for Wireshark's events and Zeek's summaries."""
    all_events = tcp_events(seen, source.options)
    once = sendings(seen, all_events, source.options, source.contents)
    flow, events = once.flow, once.events
    repeated = repetitions(flow)
    damaged = discarded(flow, list(repeated.values()), source.conditions)
    state = zeek.conn_state(without(flow, damaged))
    false = forged(flow, damaged, source.payload, source.hops)
    if false.ignored:
        flow = without(flow, false.ignored)
        events, repeated = tcp_events(flow, source.options), repetitions(flow)
        damaged = discarded(flow, list(repeated.values()), source.conditions)
    whole = without(flow, damaged)
    overtaken, proxy = Overtaken(whole), ProxyWatch()
    spoken, tls = _spoken_over_tcp(whole, source, opened, overtaken, proxy)
    spoken = replace(spoken, exchanges=in_order(spoken.exchanges))
    end = ending(without(flow, {place for place, frame in enumerate(flow.frame) if frame in false.resets}))
    if len(set(flow.side)) == 1:
        spoken = cut_off(spoken, NOT_CAPTURED)
    elif end.closure is Closure.OPEN:
        spoken = cut_off(spoken, CAPTURE_ENDS)
    late = {whole.frame[place] for place in overtaken.places}
    remarks, explained = tcp_remarks(
        Evidence(flow, events, repeated, damaged, source.numbers, lambda row: source.options(row).sack)
    )
    told_otherwise = explained | late
    holes = holes_as_captured(whole, source.payload) if spoken.gaps or late else ()
    history = zeek.history(seen, holes, {} if once.copies else damaged)
    unreachable = any(objection.is_final for objection in objections)
    division = boundaries(flow if false.ignored else seen, spoken.exchanges)
    transport = Transport(
        "tcp",
        state,
        history,
        octets(flow, CLIENT),
        octets(flow, SERVER),
        opening(flow, unreachable, source.end_ns),
        end,
        zeek.completeness(seen),
        retransmissions=sum(
            1 for frame, mask in zip(flow.frame, events, strict=True) if mask & RETRANSMITTED and frame not in late
        ),
        retransmitted_frames=tuple(frame for frame in sent_again(flow, events) if frame not in told_otherwise),
        gaps=sum(1 for gap in spoken.gaps if gap.octets),
        remarks=(
            *once.remarks,
            *false.remarks,
            *proxy.remarks(),
            *remarks,
            *closed_windows(flow, events, history),
            *_objected(objections),
        ),
        words=spoken.words,
    )
    connection = _connection(number, seen, source, spoken, transport, tls, division)
    told = steps(seen, spoken.exchanges, (*proxy.steps, *(tls.steps if tls else ())))
    told = [COPY if place in once.copies else step for place, step in enumerate(told)]
    return Understood(connection, [division.phase(frame) for frame in seen.frame], told, all_events)


def _objected(objections: Sequence[Objection]) -> tuple[Remark, ...]:
    remarks = Remarks()
    for objection in objections:
        remarks.note("icmp-unreachable" if objection.is_final else "path-mtu-told", (objection.frame,), objection.what)
    return remarks.in_order()


def _spoken_over_tcp(
    flow: Flow, source: PacketSource, opened: OpenedRecords, overtaken: Overtaken, proxy: ProxyWatch
) -> tuple[Spoken, TlsSession | None]:
    """The dialogue, by what it looks like where that tells, else by the port.  ``opened`` is what keys opened."""
    watch = TlsWatch(opened, only_answered=True)
    items = watch.over(proxy.over(reassemble(flow, source.payload, overtaken)))
    client_head, server_head, items = first_octets(items)
    service = name_spoken(proxy.port or flow.server[1], client_head, server_head, opened=bool(opened))
    spoken = listen("tcp", service, items, show_credentials=source.show_credentials)
    session = watch.session()
    if session is None and not spoken.exchanges:
        spoken = replace(spoken, words=_is_line(client_head))
    return (replace(spoken, exchanges=with_tls(spoken.exchanges)) if session is not None else spoken), session


def _is_line(octets: bytes) -> bool:
    """Whether octets begin with a line of text, as no record of TLS does."""
    line, end, _ = octets.partition(b"\r\n")
    return bool(end and line) and all(0x20 <= octet < 0x7F for octet in line)


def _udp(number: int, flow: Flow, source: PacketSource, unreachable: bool) -> Understood:
    payloads = [source.payload(row) for row in flow.index]
    missing = [length - len(octets) for octets, length in zip(payloads, flow.length, strict=True)]
    items = (
        Chunk(flow.side[p], payloads[p], flow.frame[p], flow.time[p], missing=missing[p]) for p in range(len(flow))
    )
    spoken = listen("udp", name_by_port("udp", flow.server[1]), items)
    if any(missing):
        spoken = replace(spoken, remarks=())  # what the capture cut off looks like what the sender did not send
    transport = Transport(
        "udp",
        zeek.udp_state(flow),
        zeek.udp_history(flow),
        octets(flow, CLIENT),
        octets(flow, SERVER),
        Opening(Handshake.UNREACHABLE if unreachable else Handshake.UNSEEN),
    )
    connection = _connection(number, flow, source, spoken, transport, None, Boundaries(0, _NEVER))
    words = {frame: e.command.verb for e in spoken.exchanges if e.command for frame in e.command.frames}
    words |= {frame: f"{e.reply.code} answer" for e in spoken.exchanges if e.reply for frame in e.reply.frames}
    labels = [words.get(frame, "datagram") for frame in flow.frame]
    return Understood(connection, [Phase.TRANSFER] * len(flow), labels, [0] * len(flow))


def _connection(
    number: int,
    flow: Flow,
    source: PacketSource,
    spoken: Spoken,
    transport: Transport,
    tls: TlsSession | None,
    division: Boundaries,
) -> Connection:
    return Connection(
        number=number,
        client=source.endpoint(flow.client),
        server=source.endpoint(flow.server),
        service=spoken.service,
        start_ns=min(flow.time),
        end_ns=max(flow.time),
        first_frame=flow.frame[0],
        last_frame=flow.frame[-1],
        packets=len(flow),
        transport=transport,
        tls=tls,
        phases=spans(flow, division),
        exchanges=spoken.exchanges,
        transactions=spoken.transactions,
        remarks=spoken.remarks,
        outcome=outcome(spoken.service, transport, spoken.exchanges, spoken.transactions),
    )
