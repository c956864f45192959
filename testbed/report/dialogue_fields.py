"""The fields of dialogues: exchanges and mail transactions."""

from __future__ import annotations

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
)
from testbed.trace.model.exchange import Command, Exchange, Recipient, Reply, Transaction
from testbed.trace.model.phase import Phase, PhaseSpan

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

MESSAGE: Fields[Transaction] = (
    Field("message_id", or_null(TEXT), "The Message-ID.", source="RFC 5322 §3.6.4"),
    Field("subject", or_null(TEXT), "The Subject.", source="RFC 5322 §3.6.5"),
    Field("sender", TEXT, "The reverse-path; empty for the null path.", source="RFC 5321 §4.1.1.2"),
    Field(
        "recipients",
        array(ref("recipient")),
        "The forward-paths, in order.",
        source="RFC 5321 §4.1.1.3",
        get=many(RECIPIENT, "recipients"),
    ),
)
