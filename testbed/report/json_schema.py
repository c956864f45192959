"""What every field of ``testbed inspect``'s outputs means: the tables, and the JSON Schema made from them.

``python -m testbed.report.json_schema`` prints the schema that lies in ``docs/inspect.schema.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from testbed.report.json_analysis import SCHEMA_VERSION
from testbed.trace.model.connection import Closure, Handshake
from testbed.trace.model.finding import Severity
from testbed.trace.model.phase import Phase
from testbed.trace.tcp.events import EVENTS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Field:
    """One field.  ``means`` is a sentence; ``unit`` and ``source`` (an RFC, Wireshark, Zeek) are ``""`` for none."""

    name: str
    kind: Schema
    means: str
    unit: str = ""
    source: str = ""
    always: bool = True

    @property
    def description(self) -> str:
        """All that is to be said in one line."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        return self.means + unit + (f" Source: {self.source}." if self.source else "")


def _or_null(kind: Schema) -> Schema:
    if "enum" in kind:
        return {"enum": [*_words(kind), None]}
    if "$ref" in kind:
        return {"anyOf": [kind, {"type": "null"}]}
    return {**kind, "type": [kind["type"], "null"]}


def _words(kind: Schema) -> list[object]:
    words = kind["enum"]
    assert isinstance(words, list)
    return words


def array(items: Schema) -> Schema:
    """The kind of a list."""
    return {"type": "array", "items": items}


def _one_of(words: type[StrEnum] | Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in words]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ORDINAL: Schema = {"type": "integer", "minimum": 1}
FLAG: Schema = {"type": "boolean"}

_NS = "ns"
EPOCH = "ns since 1970-01-01 00:00 UTC"
OCTETS = "octets"
_WIRESHARK_FRAME = "Wireshark frame.number"
_CONN_STATES = ("S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH")

_SCHEMA = Field(
    "schema", {"const": SCHEMA_VERSION}, "Grows when a field goes or changes its meaning, not for a new one."
)
_PROGRAM = Field("testbed", TEXT, "The version of Mail Testbed that wrote this.")
FILE = Field("file", TEXT, "The capture's path as it was given; what in it is no UTF-8 appears as U+FFFD.")
_FRAMES = Field("frames", COUNT, "How many frames the capture has, journal entries included.", source=_WIRESHARK_FRAME)
_PROBLEMS = Field("problems", array(TEXT), "Sentences on what of the capture could not be read.")
_START = Field("start_ns", INTEGER, "When the first packet was captured.", EPOCH, "Wireshark frame.time_epoch")
_END = Field("end_ns", INTEGER, "When the last packet was captured.", EPOCH, "Wireshark frame.time_epoch")
_PHASE = Field("phase", _one_of(Phase), "Which of the three phases of the connection.")

DOCUMENT = (_SCHEMA, _PROGRAM, Field("captures", array(_ref("capture")), "The captures in the order they were named."))

CAPTURE = (
    FILE,
    _FRAMES,
    Field("start_ns", INTEGER, "When the first packet or log entry was recorded, 0 for an empty capture.", EPOCH),
    Field("end_ns", INTEGER, "When the last packet or log entry was recorded, 0 for an empty capture.", EPOCH),
    _PROBLEMS,
    Field("connections", array(_ref("connection")), "TCP connections and UDP flows in the order of first packets."),
    Field("findings", array(_ref("finding")), "What went wrong, or nearly: of all connections together, then of each."),
    Field("log", array(_ref("log_entry")), "What hosts logged into the capture.", source="systemd journal export"),
    Field("packets", array(_ref("packet")), "Every packet in file order; with --packets only.", always=False),
)

CONNECTION = (
    Field("number", ORDINAL, "From 1, in the order of first packets."),
    Field("transport", _one_of(("tcp", "udp")), "The protocol below.", source="RFC 9293, RFC 768"),
    Field("client", TEXT, "Who opened it: address:port, or [address]:port for IPv6.", source="RFC 3986 §3.2.2"),
    Field("client_name", _or_null(TEXT), "The client's host name, null where the capture tells none."),
    Field("server", TEXT, "Who was addressed: address:port, or [address]:port for IPv6.", source="RFC 3986 §3.2.2"),
    Field("server_name", _or_null(TEXT), "The server's host name, null where the capture tells none."),
    Field(
        "service",
        _or_null(TEXT),
        "What is spoken (smtp, lmtp, managesieve, dns …), by first words, else by port.",
    ),
    Field("outcome", TEXT, "How it ended, in one line for people; its words may change."),
    _START,
    _END,
    Field("packets", COUNT, "Packets in both directions."),
    Field("handshake", _one_of(Handshake), "How the opening ended; UDP has none: unseen.", source="RFC 9293 §3.5"),
    Field("closure", _one_of(Closure), "How it ended; open for UDP.", source="RFC 9293 §3.6"),
    Field("closed_by", _or_null(_one_of(("client", "server"))), "Who sent the first FIN, or the RST; null for nobody."),
    Field("phases", array(_ref("phase")), "The phases that have packets, in order."),
    Field("conn_state", _one_of(_CONN_STATES), "The connection's fate in a word.", source="Zeek conn.log conn_state"),
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
    Field(
        "rtt_ns", _or_null(INTEGER), "Round-trip time of the TCP handshake.", _NS, "Wireshark tcp.analysis.initial_rtt"
    ),
    Field("tls", _or_null(_ref("tls")), "What is known of its TLS, null where there was none."),
    Field("dialogue", array(_ref("exchange")), "Commands with their replies, in order."),
    Field("messages", array(_ref("message")), "Mail transactions, in order.", source="RFC 5321 §3.3"),
    Field("findings", array(_ref("finding")), "What there is to say about this connection."),
)

TLS = (
    Field(
        "version", _or_null(TEXT), "The version the server chose, null where it chose none.", source="RFC 8446 §4.2.1"
    ),
    Field("cipher", _or_null(TEXT), "The cipher suite it chose.", source="RFC 8446 §B.4"),
    Field("server_name", _or_null(TEXT), "The name the client asked for.", source="RFC 6066 §3"),
    Field("alpn", _or_null(TEXT), "The protocol agreed on, where that was in clear.", source="RFC 7301"),
    Field("implicit", FLAG, "Whether TLS began with the first octet, not by STARTTLS.", source="RFC 8314 §3"),
    Field("decrypted_records", COUNT, "Records that keys opened; tshark decrypted them."),
    Field(
        "alerts",
        array(TEXT),
        "Alerts that were seen, by name; 'encrypted' where no key opened one.",
        source="RFC 8446 §6",
    ),
)

PHASE = (
    _PHASE,
    Field("start_ns", INTEGER, "Time of its first packet.", EPOCH),
    Field("end_ns", INTEGER, "Time of its last packet.", EPOCH),
    Field("first_frame", ORDINAL, "Its first packet.", source=_WIRESHARK_FRAME),
    Field("last_frame", ORDINAL, "Its last packet.", source=_WIRESHARK_FRAME),
    Field("packets", COUNT, "How many packets it has."),
)

EXCHANGE = (
    _PHASE,
    Field(
        "command",
        _or_null(TEXT),
        "The verb, for DNS the type asked for; connect (waiting for the greeting) and message (octets after 354) are "
        "no verbs; null for a reply nobody asked for.",
        source="RFC 5321 §4.1, RFC 1939, RFC 9051, RFC 1035",
    ),
    Field("argument", _or_null(TEXT), "What follows the verb, credentials masked; for DNS the name."),
    Field("command_frames", array(ORDINAL), "The packets that carried the command.", source=_WIRESHARK_FRAME),
    Field("octets", _or_null(COUNT), "Length of the command, its terminator included.", OCTETS),
    Field(
        "code",
        _or_null(TEXT),
        "The reply's own code word: 250, +OK, NO, NXDOMAIN; null for no reply.",
        source="RFC 5321 §4.2, RFC 1939 §3, RFC 9051 §7.1, RFC 1035 §4.1.1",
    ),
    Field("enhanced", _or_null(TEXT), "The enhanced status code.", source="RFC 3463, RFC 2034"),
    Field("lines", array(TEXT), "The reply's lines without code and enhanced code; for DNS the answers."),
    Field(
        "further",
        array(TEXT),
        "Further replies to the same command with their codes; LMTP answers a message once for each recipient.",
        source="RFC 2033 §4.2",
    ),
    Field("reply_frames", array(ORDINAL), "The packets that carried the replies.", source=_WIRESHARK_FRAME),
    Field("latency_ns", _or_null(INTEGER), "From the last octet of the command to the first of the reply.", _NS),
    Field("note", _or_null(TEXT), "What the exchange came to, in words for people; its words may change."),
)

MESSAGE = (
    Field("message_id", _or_null(TEXT), "The Message-ID.", source="RFC 5322 §3.6.4"),
    Field("subject", _or_null(TEXT), "The Subject.", source="RFC 5322 §3.6.5"),
    Field("sender", TEXT, "The reverse-path; empty for the null path.", source="RFC 5321 §4.1.1.2"),
    Field("recipients", array(_ref("recipient")), "The forward-paths, in order.", source="RFC 5321 §4.1.1.3"),
)

RECIPIENT = (
    Field("address", TEXT, "The forward-path.", source="RFC 5321 §4.1.1.3"),
    Field("reply", _or_null(TEXT), "Code and enhanced code of the reply to RCPT.", source="RFC 5321 §4.2, RFC 3463"),
    Field(
        "final",
        _or_null(TEXT),
        "Code and enhanced code of the reply to the message, in LMTP the recipient's own; null for none.",
        source="RFC 5321 §4.1.1.4, RFC 2033 §4.2",
    ),
    Field("accepted", FLAG, "Whether RCPT and the message itself were answered 2yz.", source="RFC 5321 §4.2.1"),
)

FINDING = (
    Field("code", TEXT, "Its stable name, such as mailbox-full or connection-refused."),
    Field("severity", _one_of(Severity), "How much it matters to somebody whose mail did not arrive."),
    Field("text", TEXT, "The diagnosis in a sentence for people; its words may change."),
    Field("frames", array(ORDINAL), "The packets that prove it.", source=_WIRESHARK_FRAME),
    Field("reference", TEXT, "Where it is written what should have happened; may be empty."),
    Field("connections", array(ORDINAL), "Numbers of the connections it is about."),
)

LOG_ENTRY = (
    Field("frame", ORDINAL, "Its place among the frames.", source=_WIRESHARK_FRAME),
    Field("time_ns", INTEGER, "When it was logged, 0 where that is not told.", EPOCH),
    Field("host", TEXT, "The host that logged it.", source="systemd journal _HOSTNAME"),
    Field("event", TEXT, "The event's name in a lab's vocabulary; empty in a stranger's journal."),
    Field("message", TEXT, "The line.", source="systemd journal MESSAGE"),
)

PACKET = (
    Field("frame", ORDINAL, "From 1.", source=_WIRESHARK_FRAME),
    Field("time_ns", INTEGER, "When it was captured.", EPOCH, "Wireshark frame.time_epoch"),
    Field("source", _or_null(TEXT), "address:port, [address]:port, or the address alone for ICMP; null if not read."),
    Field("destination", _or_null(TEXT), "address:port, [address]:port, or the address for ICMP; null if not read."),
    Field("length", COUNT, "Length on the wire.", OCTETS, "Wireshark frame.len"),
    Field("connection", _or_null(ORDINAL), "Number of its connection, null for none."),
    Field("phase", _or_null(_one_of(Phase)), "Phase of the connection it belongs to, null for none."),
    Field(
        "step",
        _or_null(TEXT),
        "What it does in the dialogue, as in handshake 1/3 SYN, RCPT, 250 to RCPT; null if of no connection.",
    ),
    Field("tcp", array(_one_of(EVENTS)), "What is unusual about it.", source="Wireshark tcp.analysis.*"),
    Field("lost", FLAG, "Whether a fault of the lab's wire destroyed it."),
    Field("comment", _or_null(TEXT), "The capture's comments on it, our own left out.", source="pcapng opt_comment"),
)

OBJECTS = {
    "document": ("All captures, as --json prints them.", DOCUMENT),
    "capture": ("One capture.", CAPTURE),
    "tls": ("The TLS of a connection.", TLS),
    "connection": ("A TCP connection or UDP flow, and all that was understood of it.", CONNECTION),
    "phase": ("One phase of a connection.", PHASE),
    "exchange": ("A command and its reply; either may be missing.", EXCHANGE),
    "message": ("A mail transaction: one MAIL, its RCPTs, at most one message (RFC 5321 §3.3).", MESSAGE),
    "recipient": ("One RCPT and the fate it met.", RECIPIENT),
    "finding": ("One sentence of diagnosis with its evidence.", FINDING),
    "log_entry": ("A line a host logged.", LOG_ENTRY),
    "packet": ("One packet.", PACKET),
}
"""The objects of ``--json`` with their fields, in the order they are written."""

LINES = {
    "capture": ("The first line of a capture.", (_SCHEMA, _PROGRAM, _FRAMES, _PROBLEMS)),
    "connection": OBJECTS["connection"],
    "packet": ("One packet; with --packets only.", PACKET),
    "finding": OBJECTS["finding"],
}
"""The lines of ``--ndjson`` by their ``type``; before these fields stand ``type`` and ``file``."""


def inspect_schema() -> Schema:
    """The schema of ``--json`` (JSON Schema 2020-12); a line of ``--ndjson`` is its ``#/$defs/line``."""
    lines = {f"{kind}_line": _object(means, (_type(kind), FILE, *fields)) for kind, (means, fields) in LINES.items()}
    line = {"description": "One line of --ndjson; type says which.", "oneOf": [_ref(name) for name in lines]}
    return {
        "$schema": _DIALECT,
        "title": f"Output of testbed inspect, schema {SCHEMA_VERSION}",
        "$ref": "#/$defs/document",
        "$defs": {name: _object(*parts) for name, parts in OBJECTS.items()} | {"line": line} | lines,
    }


def _type(kind: str) -> Field:
    return Field("type", {"const": kind}, "Which kind of line this is.")


def _object(means: str, fields: Iterable[Field]) -> Schema:
    fields = tuple(fields)
    return {
        "description": means,
        "type": "object",
        "properties": {field.name: {"description": field.description, **field.kind} for field in fields},
        "required": [field.name for field in fields if field.always],
        "additionalProperties": False,
    }


if __name__ == "__main__":
    print(json.dumps(inspect_schema(), indent=2, ensure_ascii=False))
