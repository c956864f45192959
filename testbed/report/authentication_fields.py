"""The fields of who sent messages: results, what was changed between hops, and what that broke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from testbed.report.fields import (
    COUNT,
    FLAG,
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
    written,
)
from testbed.trace.analysis import Analysis

if TYPE_CHECKING:  # what few captures need is loaded by those
    from testbed.authentication.changes import Change
    from testbed.authentication.damage import Damage
    from testbed.trace.authentication.judged import Check, Judged, Passage

CHECK: Fields[Check] = (
    Field(
        "method", one_of(("ptr", "dnsbl", "spf", "dkim", "dmarc", "arc")), "What was checked.", source="RFC 8601 §2.7"
    ),
    Field("result", TEXT, "The result's word; unknown where the capture lacks what it takes.", source="RFC 8601 §2.7"),
    Field(
        "domain",
        or_null(TEXT),
        "Whose: the client's name, the list, of MAIL FROM or EHLO, of the signature, of From, of the last seal.",
    ),
    Field("selector", or_null(TEXT), "The signature's selector.", source="RFC 6376 §3.1"),
    Field("policy", or_null(TEXT), "What the author's domain asks for.", source="RFC 9989 §4.7"),
    Field("reason", TEXT, "Why, in a sentence for people; its words may change."),
    Field("frames", array(ORDINAL), "The answers of DNS it rests on.", source=WIRESHARK_FRAME),
)
AUTHENTICATION: Fields[Judged] = (
    Field("connection", ORDINAL, "The number of its connection."),
    Field(
        "message",
        ORDINAL,
        "Which of the connection's messages it is, from 1.",
        get=lambda judged: judged.transaction + 1,
    ),
    Field("message_id", or_null(TEXT), "The Message-ID.", source="RFC 5322 §3.6.4"),
    Field("whole", FLAG, "Whether the capture holds the message; otherwise only results about the client."),
    Field("checks", array(ref("check")), "The results.", get=many(CHECK, "checks")),
    Field("frames", array(ORDINAL), "The packets that carried it.", source=WIRESHARK_FRAME),
)
CHANGE: Fields[Change] = (
    Field("kind", TEXT, "What was done, such as field-changed, lines-added-at-end, body-encoded."),
    Field("field", or_null(TEXT), "The name of the field; null for the body.", get="name"),
    Field("before", or_null(TEXT), "The value, or the first of the lines, or the encoding before, shortened."),
    Field("after", or_null(TEXT), "The value, or the first of the lines, or the encoding after, shortened."),
    Field("lines", COUNT, "How many lines; 0 for a field."),
    Field("at", COUNT, "The number of the first line, from 1; 0 for a field."),
)
DAMAGE: Fields[Damage] = (
    Field("domain", TEXT, "The signature's domain.", source="RFC 6376 §3.5"),
    Field("selector", TEXT, "The signature's selector.", source="RFC 6376 §3.5"),
    Field("body", FLAG, "Whether the octets of the body under it differ.", source="RFC 6376 §3.7"),
    Field("fields", array(TEXT), "The fields under it that differ, in lower case.", source="RFC 6376 §3.7"),
    Field("gone", FLAG, "Whether the signature itself was taken out or changed."),
    Field("uncovered", COUNT, "Octets added behind what it covers of the body (l=).", source="RFC 6376 §8.2"),
)
PASSAGE: Fields[Passage] = (
    Field("before", ORDINAL, "The number of the connection it came on.", get="before.connection"),
    Field("after", ORDINAL, "The number of the connection it went on.", get="after.connection"),
    Field("message_id", or_null(TEXT), "The Message-ID it came with.", get="before.message_id"),
    Field("host", TEXT, "Who did it: its name, or its address.", get="before.server.label"),
    Field("changes", array(ref("change")), "What was done.", get=many(CHANGE, "changes")),
    Field("signatures", array(ref("damage")), "What became of each signature.", get=many(DAMAGE, "damages")),
)


def authentication_json(analysis: Analysis) -> Iterator[dict[str, object]]:
    """The messages that were judged."""
    account = analysis.authentication
    yield from (written(AUTHENTICATION, one) for one in (account.judged if account is not None else ()))


def passages_json(analysis: Analysis) -> Iterator[dict[str, object]]:
    """What was done to signed messages between two hops."""
    account = analysis.authentication
    yield from (written(PASSAGE, one) for one in (account.passages if account is not None else ()))
