"""From an analysis to its fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from testbed.protocols.events import Event
from testbed.protocols.services import SMTP_SERVICES
from testbed.protocols.tls import alert_name, version_name
from testbed.trace.analysis import Analysis
from testbed.trace.compare.normal import name_messages, named, sized, wording
from testbed.trace.compare.values import Clue, Deed, Fingerprint, Line, Mail, Question, Talk
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Reply
from testbed.trace.model.log import LogEntry
from testbed.trace.model.tls import TlsSession

_READING = frozenset({"pop3", "imap"})
_OFFERS = frozenset({"EHLO", "CAPA", "LHLO"})
_REFUSALS = ("4", "5", "-ERR", "NO", "BAD")
_S = 1_000_000_000
_SOON_NS = 5 * _S  # before that, no client uses a port again
_NOT_HOSTS = frozenset({"lab", "wire"})
# What hosts log that the packets tell as well, and what programs say in words of their own.
_NOT_DEEDS = frozenset({"", Event.ANSWERED, Event.SAID, Event.FAULT})
_PROGRAMS = frozenset({Event.SAID, Event.EXITED, Event.STARTED})
# What a TCP in haste does on a machine that hesitates, just as on a wire that loses packets.
_REPETITIONS = frozenset(
    {"segment-retransmitted", "syn-retransmitted", "syn-ack-lost", "third-ack-lost", "fin-lost", "fin-ack-lost"}
)
_SLOW_READER = "window-closed"  # nor is one a fault where no host and no wire was told to be slow
# The fields of a log entry that mean the same in every run.  Others count, measure, or are made up anew each time.
_ABOUT = (
    "recipient",
    "recipients",
    "sender",
    "action",
    "target",
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
)


def fingerprint(analysis: Analysis) -> Fingerprint:
    """What a trace says: computed from the analysis alone, the same on every machine."""
    connections = tuple(analysis.connections)
    names = name_messages(connections, analysis.log)
    programs = {entry.host for entry in analysis.log if entry.event in _PROGRAMS}
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
        if connection.transport.protocol == "udp" and connection.service == "dns":
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
        questions=tuple(questions),
        deeds=tuple(_deeds(analysis.log, names, made_up=bool(programs))),
        clues=tuple(_clues(analysis, hasty, echoes)),
    )


def _hasty(analysis: Analysis, connections: tuple[Connection, ...]) -> Iterator[int]:
    """Connections of a lab on which packets were sent again although the wire let them all pass.

    Kernels' timers run in real time, so a machine that hesitates for half a second makes TCP repeat itself.  A lab's
    wire tells of everything it does; a stranger's capture does not, and there every repetition counts.
    """
    if not _is_of_a_lab(analysis):
        return
    struck = {entry.fields.get("at_frame", "") for entry in analysis.log if entry.event == Event.FAULT}
    for connection in connections:
        codes = {remark.code for remark in connection.transport.remarks}
        repeated = connection.transport.retransmitted_frames or len(connection.opening.syn_frames) > 1
        if not (repeated or codes & _REPETITIONS or _SLOW_READER in codes):
            continue
        packets = analysis.packets(connection.number)
        if not any(packet.lost or packet.comment or str(packet.frame) in struck for packet in packets):
            yield connection.number


def _echoes(analysis: Analysis, connections: tuple[Connection, ...]) -> Iterator[int]:
    """Connections of a lab that are a SYN sent again in haste, and refused as the first one was.

    The refusal of the first SYN ended its connection, so the inspector, like Wireshark, counts another.
    """
    if not _is_of_a_lab(analysis):
        return
    refused: dict[tuple[str, str], int] = {}
    for connection in connections:
        ends = str(connection.client), str(connection.server)
        if connection.opening.handshake is Handshake.REFUSED:
            if connection.start_ns - refused.get(ends, 0) < _SOON_NS:
                yield connection.number
            refused[ends] = connection.start_ns


def _is_of_a_lab(analysis: Analysis) -> bool:
    return bool(analysis.log) and analysis.log[0].event == Event.LAB_STARTED


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
        handshake=str(connection.opening.handshake),
        closure=str(connection.ending.closure),
        closed_by=connection.ending.by,
        tls=_tls(connection.tls) if connection.tls is not None else "",
        opened=len(connection.opening.syn_frames),
        repeated=bool(connection.transport.retransmitted_frames),
        lines=tuple(_lines(connection, names)),
        mails=tuple(_mails(connection, names)),
        told=connection.outcome if connection.service in _READING else "",
        loose=loose,
        frames=(connection.first_frame, connection.last_frame),
        opening=connection.opening.syn_frames or (connection.first_frame,),
        closing=connection.ending.frames or (connection.last_frame,),
        again=connection.transport.retransmitted_frames,
    )


def _tls(session: TlsSession) -> str:
    """Version, name asked for, and fatal alerts, by whom; not the cipher, which is up to the libraries installed."""
    words = [version_name(session.version) or "TLS without an answer"]
    words += [f"for {session.server_name}"] if session.server_name else []
    words += ["answered in clear"] if session.plain_answer else []
    for alert in session.alerts:
        if alert.fatal:
            said = "an encrypted alert" if alert.code is None else alert_name(alert.code)
            words.append(f"ended by the {('client', 'server')[alert.side]}: {said}")
    return " ".join(words[:2]) + "".join(f", {word}" for word in words[2:])


def _lines(connection: Connection, names: Mapping[str, str]) -> Iterator[Line]:
    smtp = connection.service in SMTP_SERVICES
    replied = 0
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        verb = command.verb if command else ""
        argument, announced = sized(verb, command.argument) if command else ("", 0)
        sent = command.frames[-1] if command and command.frames else 0
        since = command.time_ns if command and command.frames else connection.start_ns
        until = reply.time_ns if reply else connection.end_ns
        yield Line(
            verb=verb,
            argument=named(argument, names),
            reply=(reply.status or "no reply of the protocol") if reply else "",
            words=_words(connection.service, verb, reply, names) if reply else "",
            ahead=smtp and 0 < sent < replied,
            octets=command.octets if command and verb == "message" else announced,
            waited_ns=max(0, until - since) if command else 0,
            frames=exchange.frames,
        )
        replied = reply.frames[0] if reply and reply.frames else connection.last_frame


def _words(service: str, verb: str, reply: Reply, names: Mapping[str, str]) -> str:
    if verb in _OFFERS and reply.code in ("250", "+OK"):
        return "\n".join(sorted(line.upper() for line in reply.lines[1:]))
    if service == "dns":
        return "\n".join(sorted(reply.lines))
    if reply.code.startswith(_REFUSALS) or (service == "http" and reply.code.startswith("3")):
        return wording(named(reply.text, names))
    return ""


def _mails(connection: Connection, names: Mapping[str, str]) -> Iterator[Mail]:
    for transaction in connection.transactions:
        recipients = []
        for recipient in transaction.recipients:
            decisive = recipient.reply
            if decisive is None or decisive.code.startswith("2"):
                decisive = transaction.message.reply if transaction.message else None
            status = decisive.status if decisive else "no reply"
            recipients.append((recipient.address, status, recipient.accepted))
        message = names.get(transaction.message_id, transaction.message_id)
        yield Mail(transaction.sender, message, tuple(recipients), transaction.frames)


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
            records=tuple(sorted(reply.lines)) if reply else (),
            frames=exchange.frames,
        )


def _deeds(log: tuple[LogEntry, ...], names: Mapping[str, str], *, made_up: bool) -> Iterator[Deed]:
    """``made_up`` tells that programs may have written the messages."""
    for entry in log:
        if entry.host in _NOT_HOSTS or entry.event in _NOT_DEEDS:
            continue
        fields = entry.fields
        about = [(name, fields[name]) for name in _ABOUT if name in fields]
        status = fields.get("status", "").split(" ")
        if status[0] and entry.event != Event.EXITED:
            about.append(("status", " ".join(status[: 2 if "." in "".join(status[1:2]) else 1])))
        if "message_id" in fields:
            about.append(("message", names.get(fields["message_id"], fields["message_id"])))
        retry = fields.get("retry_in", "")
        delay_ns = int(retry) * _S if retry.isdigit() else 0
        body = fields.get("body_sha256", "") if fields.get("sender") and not made_up else ""
        yield Deed(entry.host, entry.event, tuple(about), delay_ns, body, (entry.frame,))


def _clues(analysis: Analysis, hasty: frozenset[int], echoes: frozenset[int]) -> Iterator[Clue]:
    at_fault = {entry.host for entry in analysis.log if entry.event == Event.FAULT}
    for finding in analysis.findings:
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
