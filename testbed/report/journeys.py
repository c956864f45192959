"""The way of a message over several hops, connections and files: a sentence for people, fields for programs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.durations import span
from testbed.protocols.text import printable, shortened
from testbed.report.clock import Clock
from testbed.report.fields import (
    EPOCH,
    FLAG,
    INTEGER,
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
)
from testbed.trace.journeys import Journey, Leg, Tie, journeys

_MOST_JOURNEYS, _MOST_HOPS, _MOST_TRIES = 20, 12, 4
_LONGEST = 60

LEG: Fields[Leg] = (
    Field("file", TEXT, "The capture it is in."),
    Field("connection", ORDINAL, "The number of its connection there."),
    Field("client", TEXT, "Who opened the connection: its name, or its address.", get="client.label"),
    Field("server", TEXT, "Who was addressed: its name, or its address.", get="server.label"),
    Field("by", TEXT, "The protocol: SMTP, LMTP, POP3, IMAP."),
    Field("pushed", FLAG, "Whether the client sent the message; otherwise it fetched it."),
    Field("start_ns", INTEGER, "When the message was there, or its recipient was answered.", EPOCH),
    Field("end_ns", INTEGER, "When the last reply about it was there.", EPOCH),
    Field("message_id", or_null(TEXT), "The Message-ID it had here.", get="letter.message_id"),
    Field("queue_id", or_null(TEXT), "The name the server gave it in its reply."),
    Field("sender", or_null(TEXT), "The reverse-path; null where it was read.", source="RFC 5321 §4.1.1.2"),
    Field("recipients", array(TEXT), "The forward-paths that are in the capture.", source="RFC 5321 §4.1.1.3"),
    Field("certain", FLAG, "Whether more than envelope and time ties it to the message."),
    Field("taken", FLAG, "Whether the server took it, or the client fetched all of it."),
    Field("fate", TEXT, "What became of it, in words for people; they may change."),
    Field("frames", array(ORDINAL), "Its first and its last packet.", source=WIRESHARK_FRAME),
)
JOURNEY: Fields[Journey] = (
    Field("message_id", or_null(TEXT), "The Message-ID, where a leg shows one.", get="letter.message_id"),
    Field("subject", or_null(TEXT), "The Subject, where a leg shows one.", get="letter.subject"),
    Field("certain", FLAG, "Whether all legs are certain; otherwise some are probably of the same message."),
    Field(
        "ties",
        array(one_of(Tie)),
        "What shows it: the same Message-ID; a server's name for it in its reply and in a Received field; envelope and "
        "time only.",
        source="RFC 5321 §4.4",
    ),
    Field("legs", array(ref("leg")), "Where it went, in order of time.", get=many(LEG, "legs")),
)


def told_journeys(found: Sequence[Journey], clock: Clock, *, files: bool = False) -> Table:
    """A row for each journey; ``files`` tells that the legs lie in several captures."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for journey in found[:_MOST_JOURNEYS]:
        table.add_row(Text("↪", "info"), Text(sentence(journey, clock, files=files)))
    if len(found) > _MOST_JOURNEYS:
        table.add_row(Text("↪", "info"), Text(f"… and {len(found) - _MOST_JOURNEYS:,} more; --json lists them all"))
    return table


def told_across(legs: Sequence[Leg], clock: Clock) -> RenderableType | None:
    """The messages that are in several captures, None where there is none."""
    found = [journey for journey in journeys(legs) if len(journey.files) > 1]
    if not found:
        return None
    rule = Rule(Text("in several of these captures", "bold"), align="left", style="quiet")
    return Group(rule, told_journeys(found, clock, files=True))


def sentence(journey: Journey, clock: Clock, *, files: bool) -> str:
    """``<1@x> "Lunch?": 192.0.2.10 → 192.0.2.20 (#1, taken as 4ABC at 22:13:20.032) → …``.

    ``files`` tells that legs lie in several, which are named then.
    """
    hops: dict[tuple[str, str, str, bool], list[Leg]] = {}
    for leg in journey.legs:
        hops.setdefault((*leg.ends, leg.by, leg.pushed), []).append(leg)
    words, at = "", ""
    for (client, server, by, pushed), tries in list(hops.items())[:_MOST_HOPS]:
        told = _tries(tries, journey.legs[0], clock, files)
        if not pushed:
            words += f"; {client} read it from {server} by {by} ({told})"
        elif client == at:
            words += f" → {server} ({told})"
        else:
            words += f"; {client} → {server} ({told})"
        at = server if pushed else at
    words += f"; and {len(hops) - _MOST_HOPS} hops more" if len(hops) > _MOST_HOPS else ""
    return f"{_named(journey)}: {words.removeprefix('; ')}"


def _named(journey: Journey) -> str:
    letter = journey.letter
    subject = f'"{shortened(letter.subject, _LONGEST)}"' if letter.subject else ""
    return " ".join(filter(None, (shortened(letter.message_id, _LONGEST), subject))) or "a message"


def _tries(tries: Sequence[Leg], first: Leg, clock: Clock, files: bool) -> str:
    """What became of it on one hop: each try, those that went alike together."""
    told = []
    for (fate, _), alike in groupby(tries, key=lambda leg: (_fate(leg), leg.certain)):
        legs = list(alike)
        where = dict.fromkeys(f"#{one.connection}{f' in {printable(one.file)}' if files else ''}" for one in legs)
        named = ", ".join(list(where)[:_MOST_TRIES]) + (" …" if len(where) > _MOST_TRIES else "")
        after = legs[0].end_ns - first.end_ns
        when = f"at {clock.time(legs[0].end_ns)}" if after <= 0 else f"{span(after)} later"
        doubt = "" if legs[0].certain else ", probably the same message, by envelope and time"
        told.append(f"{named}, {fate} {when}".replace(", read ", ", ") + doubt)
    return "; ".join(told[:_MOST_TRIES]) + (" …" if len(told) > _MOST_TRIES else "")


def _fate(leg: Leg) -> str:
    """What became of it; that it was read stands before."""
    return f"{leg.fate} as {shortened(leg.queue_id, _LONGEST)}" if leg.queue_id else leg.fate
