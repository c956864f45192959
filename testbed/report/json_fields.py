"""What every field of ``testbed inspect``'s outputs is and means: a table for each kind of object.

Writers and the JSON Schema are made from them.  The schema's version changes when a field changes its meaning or goes.
"""

from __future__ import annotations

from collections.abc import Iterator

from testbed import __version__
from testbed.protocols.tls import alert_name, version_name
from testbed.report.authentication_fields import authentication_json, passages_json
from testbed.report.dialogue_fields import EXCHANGE, MESSAGE, PHASE
from testbed.report.fields import (
    COUNT,
    EPOCH,
    FLAG,
    INTEGER,
    NS,
    OCTETS,
    ORDINAL,
    TEXT,
    WIRESHARK_FRAME,
    Field,
    Fields,
    Thing,
    array,
    each,
    many,
    one_of,
    or_null,
    ref,
    within,
    written,
)
from testbed.report.packet_fields import packets_json
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure, Connection, Handshake, Transport
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.log import AnyEntry
from testbed.trace.model.tls import TlsSession
from testbed.trace.tls.certificates import Certificate, certificate_of

SCHEMA_VERSION = 1

_CONN_STATES = ("S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH")


def _written_or_none(fields: Fields[Thing], thing: Thing | None) -> dict[str, object] | None:
    return written(fields, thing) if thing is not None else None


SCHEMA: Field[object] = Field(
    "schema",
    {"const": SCHEMA_VERSION},
    "Grows when a field goes or changes its meaning, not for a new one.",
    get=lambda _: SCHEMA_VERSION,
)
PROGRAM: Field[object] = Field(
    "testbed", TEXT, "The version of Mail Testbed that wrote this.", get=lambda _: __version__
)
FILE: Field[Analysis] = Field(
    "file", TEXT, "The capture's path as it was given; what in it is not UTF-8 appears as U+FFFD.", get="path"
)
FRAMES: Field[Analysis] = Field(
    "frames", COUNT, "How many frames the capture has, journal entries included.", source=WIRESHARK_FRAME
)
PROBLEMS: Field[Analysis] = Field("problems", array(TEXT), "Sentences on what of the capture could not be read.")

CERTIFICATE: Fields[Certificate] = (
    Field("subject", TEXT, "Whose it is.", source="RFC 5280 §4.1.2.6, RFC 4514"),
    Field("issuer", TEXT, "Who has signed it.", source="RFC 5280 §4.1.2.4, RFC 4514"),
    Field("not_before", TEXT, "From when on it is valid, in UTC.", source="RFC 5280 §4.1.2.5, RFC 3339"),
    Field("not_after", TEXT, "Until when it is valid, in UTC.", source="RFC 5280 §4.1.2.5, RFC 3339"),
    Field("names", array(TEXT), "The host names it is for, 100 at most.", source="RFC 5280 §4.2.1.6"),
    Field("sha256", TEXT, "The SHA-256 of the certificate in DER, as hexadecimal digits."),
)

TLS: Fields[TlsSession] = (
    Field(
        "version",
        or_null(TEXT),
        "The version the server chose, null where it chose none.",
        source="RFC 8446 §4.2.1",
        get=lambda tls: version_name(tls.version) or None,
    ),
    Field("cipher", or_null(TEXT), "The cipher suite it chose.", source="RFC 8446 §B.4", get="suite"),
    Field("server_name", or_null(TEXT), "The name the client asked for.", source="RFC 6066 §3"),
    Field("alpn", or_null(TEXT), "The protocol agreed on, where that was in clear.", source="RFC 7301"),
    Field("implicit", FLAG, "Whether TLS began with the first octet, not by STARTTLS.", source="RFC 8314 §3"),
    Field("resumed", FLAG, "Whether both went on with an earlier session.", source="RFC 8446 §2.2"),
    Field("early_data", FLAG, "Whether the client sent data before the server's answer.", source="RFC 8446 §2.3"),
    Field("decrypted_records", COUNT, "Records that keys opened.", get="opened"),
    Field(
        "encrypted_from",
        or_null(ORDINAL),
        "The frame from which on something stays encrypted, null where nothing does.",
        source=WIRESHARK_FRAME,
        get=lambda tls: tls.sealed_from or None,
    ),
    Field(
        "alerts",
        array(TEXT),
        "Alerts that were seen, by name; 'encrypted' where no key opened one.",
        source="RFC 8446 §6",
        get=lambda tls: ["encrypted" if one.code is None else alert_name(one.code)[0] for one in tls.alerts],
    ),
    Field(
        "certificate",
        or_null(ref("certificate")),
        "The server's own; null where it is not in the capture in clear, and no key opened it (TLS 1.3).",
        source="RFC 8446 §4.4.2",
        get=lambda tls: _written_or_none(CERTIFICATE, certificate_of(tls.certificate)),
    ),
)

FINDING: Fields[Finding] = (
    Field("code", TEXT, "Its stable name, such as mailbox-full or connection-refused."),
    Field("severity", one_of(Severity), "How much it matters to somebody whose mail did not arrive."),
    Field("text", TEXT, "The diagnosis in a sentence for people; its words may change."),
    Field("frames", array(ORDINAL), "The packets that prove it.", source=WIRESHARK_FRAME),
    Field("reference", TEXT, "Where it is written what should have happened; may be empty."),
    Field("connections", array(ORDINAL), "Numbers of the connections it is about."),
    Field("cause", TEXT, "Why a server refused, such as greylisted; empty where it does not tell."),
    Field(
        "times",
        COUNT,
        "How often it was seen.  Behind the first of a kind, one finding stands for all others of it.",
    ),
)

LOG_ENTRY: Fields[AnyEntry] = (
    Field("frame", ORDINAL, "Its place among the frames.", source=WIRESHARK_FRAME),
    Field("time_ns", INTEGER, "When it was logged, 0 where that is not told.", EPOCH),
    Field("host", TEXT, "The host that logged it.", source="systemd journal _HOSTNAME"),
    Field(
        "event",
        TEXT,
        "The event's name in a lab's vocabulary; empty in a stranger's journal.",
        get=lambda entry: entry.event.word if entry.event else "",
    ),
    Field("message", TEXT, "The line.", source="systemd journal MESSAGE"),
)

_TRANSPORT: Fields[Transport] = (
    Field("conn_state", one_of(_CONN_STATES), "The connection's fate in a word.", source="Zeek conn.log conn_state"),
    Field("history", TEXT, "What happened, a letter each, upper case the client's.", source="Zeek conn.log history"),
    Field(
        "completeness",
        {"type": "integer", "minimum": 0, "maximum": 63},
        "Sum of what was seen: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST; 0 for UDP.",
        source="Wireshark tcp.completeness",
    ),
    Field("client_octets", COUNT, "Payload of the client, data sent again not counted twice.", OCTETS),
    Field("server_octets", COUNT, "Payload of the server, data sent again not counted twice.", OCTETS),
    Field("retransmissions", COUNT, "Packets sent again.", source="Wireshark tcp.analysis.retransmission"),
    Field("gaps", COUNT, "Holes in the data that the capture never filled."),
)

CONNECTION: Fields[Connection] = (
    Field("number", ORDINAL, "From 1, in the order of first packets."),
    Field(
        "transport", one_of(("tcp", "udp")), "The protocol below.", source="RFC 9293, RFC 768", get="transport.protocol"
    ),
    Field(
        "client",
        TEXT,
        "Who opened it: address:port, or [address]:port for IPv6.",
        source="RFC 3986 §3.2.2",
        get=lambda c: str(c.client),
    ),
    Field(
        "client_name", or_null(TEXT), "The client's host name, null where the capture tells none.", get="client.name"
    ),
    Field(
        "server",
        TEXT,
        "Who was addressed: address:port, or [address]:port for IPv6.",
        source="RFC 3986 §3.2.2",
        get=lambda c: str(c.server),
    ),
    Field(
        "server_name", or_null(TEXT), "The server's host name, null where the capture tells none.", get="server.name"
    ),
    Field("service", or_null(TEXT), "What is spoken (smtp, lmtp, managesieve, dns …), by first words or by port."),
    Field("outcome", TEXT, "How it ended, in one line for people; its words may change."),
    Field("start_ns", INTEGER, "When the first packet was captured.", EPOCH, "Wireshark frame.time_epoch"),
    Field("end_ns", INTEGER, "When the last packet was captured.", EPOCH, "Wireshark frame.time_epoch"),
    Field("packets", COUNT, "Packets in both directions."),
    Field(
        "handshake",
        one_of(Handshake),
        "How the opening ended; UDP has none: unseen.",
        source="RFC 9293 §3.5",
        get="opening.handshake",
    ),
    Field("closure", one_of(Closure), "How it ended; open for UDP.", source="RFC 9293 §3.6", get="ending.closure"),
    Field(
        "closed_by",
        or_null(one_of(("client", "server"))),
        "Who sent the first FIN, or the RST; null for nobody.",
        get="ending.by",
    ),
    Field("phases", array(ref("phase")), "The phases that have packets, in order.", get=many(PHASE, "phases")),
    *within("transport", _TRANSPORT),
    Field(
        "rtt_ns",
        or_null(INTEGER),
        "Round-trip time of the TCP handshake.",
        NS,
        "Wireshark tcp.analysis.initial_rtt",
        get="opening.rtt_ns",
    ),
    Field(
        "tls",
        or_null(ref("tls")),
        "What is known of its TLS, null where there was none.",
        get=lambda c: _written_or_none(TLS, c.tls),
    ),
    Field(
        "dialogue", array(ref("exchange")), "Commands with their replies, in order.", get=many(EXCHANGE, "exchanges")
    ),
    Field(
        "messages",
        array(ref("message")),
        "Mail transactions, or the messages that POP3 or IMAP carried, in order.",
        source="RFC 5321 §3.3, RFC 1939 §5, RFC 9051 §7.5.2",
        get=many(MESSAGE, "messages"),
    ),
    Field(
        "findings", array(ref("finding")), "What there is to say about this connection.", get=many(FINDING, "findings")
    ),
)

CAPTURE: Fields[Analysis] = (
    FILE,
    FRAMES,
    Field("start_ns", INTEGER, "When the first packet or log entry was recorded, 0 for an empty capture.", EPOCH),
    Field("end_ns", INTEGER, "When the last packet or log entry was recorded, 0 for an empty capture.", EPOCH),
    PROBLEMS,
    Field(
        "connections",
        array(ref("connection")),
        "TCP connections and UDP flows in the order of first packets.",
        get=each(CONNECTION, "connections"),
    ),
    Field(
        "findings",
        array(ref("finding")),
        "What went wrong, or nearly: of all connections together, then of each.",
        get=each(FINDING, "findings"),
    ),
    Field(
        "authentication",
        array(ref("authentication")),
        "Who sent the messages, and may they; none where the capture has neither signatures nor answers about senders, "
        "or more than a thousand connections.",
        source="RFC 8601",
        get=authentication_json,
    ),
    Field(
        "passages",
        array(ref("passage")),
        "What was done to signed messages between two hops that the capture holds.",
        get=passages_json,
    ),
    Field(
        "log",
        array(ref("log_entry")),
        "What hosts logged into the capture.",
        source="systemd journal export",
        get=each(LOG_ENTRY, "log"),
    ),
    Field(
        "packets",
        array(ref("packet")),
        "Every packet in file order; with --packets only.",
        always=False,
        get=packets_json,
    ),
)

DOCUMENT: Fields[Iterator[object]] = (
    SCHEMA,
    PROGRAM,
    Field(
        "captures", array(ref("capture")), "The captures in the order they were named.", get=lambda captures: captures
    ),
    Field(
        "journeys",
        array(ref("journey")),
        "The messages that are seen on several hops or in several files, in the order of their first legs.",
        source="RFC 5321 §2.1",
        get=lambda _: (),
    ),
)
