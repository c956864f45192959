"""The fields of dialogues: exchanges and mail transactions."""

from __future__ import annotations

from testbed.protocols.attachments import AttachedFile
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
    array,
    many,
    one_of,
    or_null,
    ref,
    within,
    written,
)
from testbed.trace.model.exchange import Command, Exchange, Recipient, Reply, Transaction
from testbed.trace.model.mail import ReadMail
from testbed.trace.model.phase import Phase, PhaseSpan
from testbed.trace.services.dns.results import asked_of

_MEANS = "Which of the three phases of the connection."

PHASE: Fields[PhaseSpan] = (
    Field("phase", one_of(Phase), _MEANS),
    Field("start_ns", INTEGER, "Time of its first packet.", EPOCH),
    Field("end_ns", INTEGER, "Time of its last packet.", EPOCH),
    Field("first_frame", ORDINAL, "Its first packet.", source=WIRESHARK_FRAME),
    Field("last_frame", ORDINAL, "Its last packet.", source=WIRESHARK_FRAME),
    Field("packets", COUNT, "How many packets it has."),
)

_COMMAND: Fields[Command] = (
    Field(
        "command",
        or_null(TEXT),
        "The verb, for DNS the type asked for; connect (waiting for the greeting) and message (octets after 354) are "
        "no verbs; null for a reply nobody asked for.",
        source="RFC 5321 §4.1, RFC 1939, RFC 9051, RFC 1035",
        get="verb",
    ),
    Field(
        "argument",
        or_null(TEXT),
        "What follows the verb, credentials masked; for DNS the name.",
        get=lambda command: command.argument,
    ),
    Field(
        "command_frames", array(ORDINAL), "The packets that carried the command.", source=WIRESHARK_FRAME, get="frames"
    ),
    Field("octets", or_null(COUNT), "Length of the command, its terminator included.", OCTETS),
)

_REPLY: Fields[Reply] = (
    Field(
        "code",
        or_null(TEXT),
        "The reply's own code word: 250, +OK, NO, NXDOMAIN; null for no reply.",
        source="RFC 5321 §4.2, RFC 1939 §3, RFC 9051 §7.1, RFC 1035 §4.1.1",
        get=lambda reply: reply.code,
    ),
    Field("enhanced", or_null(TEXT), "The enhanced status code.", source="RFC 3463, RFC 2034"),
    Field("lines", array(TEXT), "The reply's lines without code and enhanced code; for DNS the answers."),
)

EXCHANGE: Fields[Exchange] = (
    Field("phase", one_of(Phase), _MEANS),
    *within("command", _COMMAND),
    *within("reply", _REPLY),
    Field(
        "further",
        array(TEXT),
        "Further replies to the same command with their codes; LMTP answers a message once for each recipient.",
        source="RFC 2033 §4.2",
        get=lambda e: [f"{more.status} {more.text}".strip() for more in e.further],
    ),
    Field("reply_frames", array(ORDINAL), "The packets that carried the replies.", source=WIRESHARK_FRAME),
    Field(
        "latency_ns",
        or_null(INTEGER),
        "From the last octet of the command to the first of the reply.",
        NS,
        get=lambda e: e.latency_ns if e.command and e.command.frames else None,
    ),
    Field(
        "command_time_ns",
        or_null(INTEGER),
        "When the last octet of the command was captured, null for none.",
        EPOCH,
        get=lambda e: e.command.time_ns if e.command and e.command.frames else None,
    ),
    Field(
        "reply_time_ns",
        or_null(INTEGER),
        "When the first octet of the reply was captured, null for none.",
        EPOCH,
        get=lambda e: e.reply.time_ns if e.reply else None,
    ),
    Field(
        "reply_end_ns",
        or_null(INTEGER),
        "When the last octet of the reply was captured, null for none.",
        EPOCH,
        get=lambda e: e.reply.end_ns if e.reply else None,
    ),
    Field(
        "edns_payload",
        or_null(COUNT),
        "The largest datagram that a question of DNS asks for, null where it has no EDNS.",
        OCTETS,
        source="Wireshark: dns.rr.udp_payload_size",
        get=lambda e: asked.payload if (asked := asked_of(e)) is not None else None,
    ),
    Field(
        "edns_do",
        or_null(FLAG),
        "Whether a question of DNS asks for signatures (DO), null where it has no EDNS.",
        source="Wireshark: dns.resp.z.do",
        get=lambda e: asked.wants_signatures if (asked := asked_of(e)) is not None else None,
    ),
    Field("note", or_null(TEXT), "What the exchange came to, in words for people; its words may change."),
)

RECIPIENT: Fields[Recipient] = (
    Field("address", TEXT, "The forward-path.", source="RFC 5321 §4.1.1.3"),
    Field(
        "reply",
        or_null(TEXT),
        "Code and enhanced code of the reply to RCPT.",
        source="RFC 5321 §4.2, RFC 3463",
        get=lambda r: r.reply.status if r.reply else None,
    ),
    Field(
        "final",
        or_null(TEXT),
        "Code and enhanced code of the reply to the message, in LMTP the recipient's own; null for none.",
        source="RFC 5321 §4.1.1.4, RFC 2033 §4.2",
        get=lambda r: r.final.status if r.final else None,
    ),
    Field("accepted", FLAG, "Whether RCPT and the message itself were answered 2yz.", source="RFC 5321 §4.2.1"),
)

ATTACHMENT: Fields[AttachedFile] = (
    Field("name", or_null(TEXT), "What it is called, without folders.", source="RFC 2183 §2.3, RFC 2231"),
    Field("type", TEXT, "Its media type.", source="RFC 2045 §5", get="kind"),
    Field("octets", COUNT, "Its length once its transfer encoding is undone.", OCTETS, "RFC 2045 §6"),
    Field("sha256", or_null(TEXT), "The SHA-256 of its octets, as hexadecimal digits; null where some are missing."),
)

MESSAGE: Fields[Transaction | ReadMail] = (
    Field("message_id", or_null(TEXT), "The Message-ID.", source="RFC 5322 §3.6.4", get="letter.message_id"),
    Field("subject", or_null(TEXT), "The Subject.", source="RFC 5322 §3.6.5", get="letter.subject"),
    Field("from", or_null(TEXT), "The From.", source="RFC 5322 §3.6.2", get="letter.author"),
    Field("date", or_null(TEXT), "The Date, as it is written there.", source="RFC 5322 §3.6.1", get="letter.date"),
    Field(
        "sender",
        or_null(TEXT),
        "The reverse-path, empty for the null path; null for a message that POP3 or IMAP carried.",
        source="RFC 5321 §4.1.1.2",
        get=lambda m: m.sender if isinstance(m, Transaction) else None,
    ),
    Field(
        "recipients",
        array(ref("recipient")),
        "The forward-paths, in order; none for a message that POP3 or IMAP carried.",
        source="RFC 5321 §4.1.1.3",
        get=lambda m: [written(RECIPIENT, to) for to in m.recipients] if isinstance(m, Transaction) else [],
    ),
    Field("command", or_null(TEXT), "What carried it: DATA, BDAT, RETR, TOP, FETCH, APPEND; null where none came."),
    Field(
        "whole",
        FLAG,
        "Whether the capture holds all of it; false also for a part that was asked for, as with TOP.",
    ),
    Field("octets", COUNT, "What the capture holds of it, dots unstuffed.", OCTETS, get="letter.octets"),
    Field(
        "attachments",
        array(ref("attachment")),
        "The files that go with it, as far as they stand in its first 500 parts.",
        source="RFC 2183",
        get=many(ATTACHMENT, "letter.files"),
    ),
    Field("frames", array(ORDINAL), "The packets that carried it, or its transaction.", source=WIRESHARK_FRAME),
)
