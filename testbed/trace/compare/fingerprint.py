"""From an analysis to its fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from testbed.durations import SECOND
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.compare.normal import name_messages, named, sized, unsealed, without_key, wording
from testbed.trace.compare.values import (
    Clue,
    CommandReply,
    Deed,
    Ended,
    Fingerprint,
    MailTransaction,
    Question,
    Replies,
    Status,
    Talk,
    Tls,
)
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Exchange, Reply
from testbed.trace.model.log import AnyEntry, of
from testbed.trace.model.tls import TlsSession
from testbed.trace.services.dns.results import Answer
from testbed.trace.services.reading.outcome import reading
from testbed.trace.services.reading.results import reading_result
from testbed.trace.services.service import Mail, Service
from testbed.trace.services.table import service_of

OFFERS = frozenset({"EHLO", "CAPA", "LHLO"})
_SOON_NS = 5 * SECOND  # before that, no client uses a port again
_NOT_HOSTS = frozenset({"lab", "wire"})
# What hosts log that the packets tell as well, and what programs say in words of their own.
_NOT_DEEDS = (events.Answered, events.Said, events.Fault)
_PROGRAMS = (events.Said, events.Exited, events.Started)
# What a TCP in haste does on a machine that hesitates, just as on a wire that loses packets.
_REPETITIONS = frozenset(
    {"segment-retransmitted", "syn-retransmitted", "syn-ack-lost", "third-ack-lost", "fin-lost", "fin-ack-lost"}
)
_SLOW_READER = "window-closed"  # nor is one a fault where no host and no wire was told to be slow
# The fields of a log entry that mean the same in every run.  Others count, measure, or are made up anew each time.
CODES = "status"  # of which a reply's text is left out
ABOUT = (
    "recipient",
    "recipients",
    "sender",
    "action",
    "target",
    "members",
    "senders",
    "domain",
    "hosts",
    "next_hop",
    "mailbox",
    "messages",
    "folder",
    "via",
    "how",
    "to",
    "said",
    "unsaid",
    "attempts",
    "spf",
    "dkim",
    "dmarc",
    "arc",
    "ptr",
    "dnsbl",
    "deed",
    "cause",
)


def fingerprint(analysis: Analysis) -> Fingerprint:
    """What a trace says: computed from the analysis alone, the same on every machine."""
    connections = tuple(analysis.connections)
    names = name_messages(connections, analysis.log)
    programs = {entry.host for entry in of(analysis.log, *_PROGRAMS)}
    ordinals = _ordinals(analysis.names)
    hasty, echoes = frozenset(_hasty(analysis, connections)), frozenset(_echoes(analysis, connections))
    hosts: dict[str, None] = {}
    talks: list[Talk] = []
    questions: list[Question] = []
    for connection in connections:
        hosts.setdefault(connection.client.label)
        hosts.setdefault(connection.server.label)
        if connection.number in echoes:
            continue
        if connection.transport.protocol == "udp" and service_of(connection.service).questions:
            questions.extend(_questions(connection))
        else:
            loose = bool(programs & {connection.client.label, connection.server.label})
            address = ordinals.get(connection.server.address, 1)
            talk = _talk(connection, analysis.start_ns, names, address, loose)
            talks.append(replace(talk, opened=1, repeated=False) if connection.number in hasty else talk)
    return Fingerprint(
        hosts=tuple(hosts),
        named=frozenset(analysis.names.values()),
        talks=tuple(talks),
        questions=tuple(sorted(questions, key=lambda one: one.frames)),  # one connection, whoever got its ports again
        deeds=tuple(_deeds(analysis.log, names, made_up=bool(programs))),
        clues=tuple(_clues(analysis, hasty, echoes)),
    )


def _hasty(analysis: Analysis, connections: tuple[Connection, ...]) -> Iterator[int]:
    """Connections of a lab on which packets were sent again although the wire let them all pass.

    Kernels' timers run in real time, so a machine that hesitates for half a second makes TCP repeat itself.  A lab's
    wire tells of everything it does; a stranger's capture does not, and there every repetition counts.
    """
    if analysis.lab is None:
        return
    struck = {entry.event.at_frame for entry in of(analysis.log, events.Fault)}
    for connection in connections:
        codes = {remark.code for remark in connection.transport.remarks}
        repeated = connection.transport.retransmitted_frames or len(connection.opening.syn_frames) > 1
        if not (repeated or codes & _REPETITIONS or _SLOW_READER in codes):
            continue
        packets = analysis.packets(connection.number)
        if not any(packet.lost or packet.comment or packet.frame in struck for packet in packets):
            yield connection.number


def _echoes(analysis: Analysis, connections: tuple[Connection, ...]) -> Iterator[int]:
    """Connections of a lab that are a SYN sent again in haste, and refused as the first one was.

    The refusal of the first SYN ended its connection, so the inspector, like Wireshark, counts another.
    """
    if analysis.lab is None:
        return
    refused: dict[tuple[str, str], int] = {}
    for connection in connections:
        ends = str(connection.client), str(connection.server)
        if connection.opening.handshake is Handshake.REFUSED:
            if connection.start_ns - refused.get(ends, 0) < _SOON_NS:
                yield connection.number
            refused[ends] = connection.start_ns


def _ordinals(names: Mapping[str, str]) -> dict[str, int]:
    """Which of its host's addresses each address is, from 1."""
    counts: dict[str, int] = {}
    found = {}
    for address, name in names.items():
        counts[name] = counts.get(name, 0) + 1
        found[address] = counts[name]
    return found


def _talk(connection: Connection, start_ns: int, names: Mapping[str, str], address: int, loose: bool) -> Talk:
    return Talk(
        client=connection.client.label,
        server=connection.server.label,
        service=connection.service or f"{connection.transport.protocol} port {connection.server.port}",
        address=address,
        start_ns=connection.start_ns - start_ns,
        end_ns=connection.end_ns - start_ns,
        handshake=connection.opening.handshake,
        ending=Ended(connection.ending.closure, connection.ending.by),
        tls=_tls(connection.tls) if connection.tls is not None else None,
        opened=len(connection.opening.syn_frames),
        repeated=bool(connection.transport.retransmitted_frames),
        lines=tuple(_lines(connection, names)),
        mails=tuple(_mails(connection, names)),
        reading=reading(connection.exchanges) if service_of(connection.service).mail is Mail.PULLED else None,
        loose=loose,
        frames=(connection.first_frame, connection.last_frame),
        opening=connection.opening.syn_frames or (connection.first_frame,),
        closing=connection.ending.frames or (connection.last_frame,),
        again=connection.transport.retransmitted_frames,
    )


def _tls(session: TlsSession) -> Tls:
    fatal = tuple((alert.side, alert.code) for alert in session.alerts if alert.fatal)
    return Tls(session.version, session.server_name, bool(session.plain_answer), fatal)


def _lines(connection: Connection, names: Mapping[str, str]) -> Iterator[CommandReply]:
    service = service_of(connection.service)
    replied = 0
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        verb = command.verb if command else ""
        argument, announced = sized(verb, command.argument) if command else ("", 0)
        sent = command.frames[-1] if command and command.frames else 0
        since = command.time_ns if command and command.frames else connection.start_ns
        until = reply.time_ns if reply else connection.end_ns
        words = _words(service, reply, names) if reply else ""
        yield CommandReply(
            verb=verb,
            argument=unsealed(named(argument, names)),
            reply=Replies(tuple(Status(one.code, one.enhanced) for one in exchange.replies), words) if reply else None,
            words=words,
            items=_items(service, verb, exchange, reply) if reply else (),
            ahead=service.mail is Mail.PUSHED and 0 < sent < replied,
            octets=command.octets if command and verb == "message" else announced,
            cut=command is not None and not command.whole and connection.ending.by == "server",
            waited_ns=max(0, until - since) if command else 0,
            frames=exchange.frames,
        )
        replied = reply.frames[0] if reply and reply.frames else connection.last_frame


def _words(service: Service, reply: Reply, names: Mapping[str, str]) -> str:
    return unsealed(wording(named(reply.text, names))) if reply.code.startswith(service.telling) else ""


def _items(service: Service, verb: str, exchange: Exchange, reply: Reply) -> tuple[str, ...]:
    if verb in OFFERS and reply.code in ("250", "+OK"):
        return tuple(sorted(line.upper() for line in reading_result(exchange).offers or reply.lines[1:]))
    return _records(exchange) if service.questions else ()


def _mails(connection: Connection, names: Mapping[str, str]) -> Iterator[MailTransaction]:
    for transaction in connection.transactions:
        recipients = [
            (unsealed(to.address), to.decisive.status if to.decisive else "no reply", to.accepted)
            for to in transaction.recipients
        ]
        message = names.get(transaction.message_id, transaction.message_id)
        yield MailTransaction(unsealed(transaction.sender), message, tuple(recipients), transaction.frames)


def _questions(connection: Connection) -> Iterator[Question]:
    unreachable = connection.opening.handshake is Handshake.UNREACHABLE
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        yield Question(
            client=connection.client.label,
            server=connection.server.label,
            kind=command.verb if command else "",
            name=command.argument if command else "",
            answer=reply.status if reply else "unreachable" if unreachable else "no answer",
            records=_records(exchange),
            frames=exchange.frames,
        )


def _records(exchange: Exchange) -> tuple[str, ...]:
    """The records of an answer, in no order of their own, for servers rotate them."""
    records = exchange.result.records if isinstance(exchange.result, Answer) else ()
    return tuple(sorted(without_key(str(record)) for record in records))


def _deeds(log: tuple[AnyEntry, ...], names: Mapping[str, str], *, made_up: bool) -> Iterator[Deed]:
    """``made_up`` tells that programs may have written the messages."""
    reports = (*of(log, events.DmarcReported), *of(log, events.TlsReported), *of(log, events.FailureReported))
    dated = {entry.event.message_id for entry in reports}  # with the day in their text
    for entry in of(log, events.LogEvent):
        event = entry.event
        if entry.host in _NOT_HOSTS or isinstance(event, _NOT_DEEDS):
            continue
        about = list(_about(event))
        if isinstance(event, events.OfMessage):
            about.append(("message", names.get(event.message_id, event.message_id)))
        delay_s = event.retry_in if isinstance(event, events.Deferred | events.KeptInOutbox) else 0
        comparable = isinstance(event, events.Stored) and event.sender and event.message_id not in dated and not made_up
        body = event.body_sha256 if isinstance(event, events.Stored) and comparable else ""
        yield Deed(entry.host, event.word, tuple(about), delay_s * SECOND, body, (entry.frame,))


def _about(event: events.LogEvent) -> Iterator[tuple[str, str]]:
    fields = event.fields()
    yield from ((name, unsealed(fields[name])) for name in ABOUT if name in fields)
    if CODES in fields and not isinstance(event, events.Exited):
        code, _, rest = fields[CODES].partition(" ")
        enhanced = rest.partition(" ")[0]
        yield CODES, f"{code} {enhanced}" if "." in enhanced else code


def _clues(analysis: Analysis, hasty: frozenset[int], echoes: frozenset[int]) -> Iterator[Clue]:
    at_fault = {entry.host for entry in of(analysis.log, events.Fault)}
    for finding in analysis.all_findings():
        concerned = frozenset(finding.connections)
        if (finding.code in _REPETITIONS and concerned <= hasty) or (concerned and concerned <= echoes):
            continue
        if finding.code == _SLOW_READER and concerned <= hasty:
            ends = {end.label for number in concerned for end in analysis.understanding.ends(number)}
            if not ends & at_fault:
                continue
        between: dict[str, None] = {}
        for number in finding.connections:
            for end in analysis.understanding.ends(number):
                between.setdefault(end.label)
        yield Clue(finding.code, tuple(sorted(between)), finding.text, finding.frames)
