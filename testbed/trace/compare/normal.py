"""Normalisations: what differs from run to run, and what is put in its place.

Each hides one thing and nothing else; docs/baselines.md lists them, and tests/trace/test_compare.py holds them
against what they must not hide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from testbed.durations import MILLISECOND, MINUTE, SECOND, format_duration, rough
from testbed.protocols import events
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import AnyEntry, of

FLOOR_NS = 10 * SECOND
SHARE = 0.05

_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATES = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?\d{{1,2}} (?:{_MONTH}) \d{{4}}"
    r"(?: \d\d:\d\d(?::\d\d)?(?: [+-]\d{4}| GMT)?)?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"
)
_PORTS = re.compile(r"(\[[0-9a-fA-F.:]+\]|\b\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}\b")
# What queues call a message: long enough, and of letters and digits, so that no word and no number is taken for it,
# and no part of an address or a host's name.
_QUEUE_IDS = re.compile(r"(?<![\w.@-])(?=[0-9A-Za-z]*\d)(?=[0-9A-Za-z]*[A-Za-z])[0-9A-Za-z]{9,24}(?![\w@-]|\.\w)")
_SIZES = re.compile(r"(?i)(?:(?<=\bSIZE=)|(?<=\{))\d{1,19}(?=[ }+]|$)|\b\d[\d,]{0,18}(?= octets)")
_TLSA_DATA = re.compile(r"(?<=^TLSA \d \d \d )[0-9A-Fa-f ]+(?:…)?$")
_SRS = re.compile(r"(?i)(?<![^\s<:])(SRS0[=+-])[^\s=<>@]+=[^\s=<>@]+(?==)|(?<![^\s<:])(SRS1[=+-])[^\s=<>@]+(?==)")
_BDAT = re.compile(r"^\d{1,19}")


def alike(one_ns: int, other_ns: int) -> bool:
    """Whether two spans of time are the same within the tolerance: 10 s or 5 %, whichever is more."""
    return abs(one_ns - other_ns) <= max(FLOOR_NS, SHARE * max(one_ns, other_ns))


def span(ns: int) -> str:
    """A span of time in words, no more exact than it is compared."""
    if ns < 100 * MILLISECOND:
        return "less than 0.1 s"
    minutes = round(ns / MINUTE)
    return rough(ns) if minutes < 100 else format_duration(minutes * MINUTE)


def about_as_large(one: int, other: int) -> bool:
    """Whether two sizes are the same but for what trace fields, dates and ids add: 64 octets or 2 %."""
    return abs(one - other) <= max(64, 0.02 * max(one, other))


def named(text: str, known: Mapping[str, str]) -> str:
    """A text with names in the place of the message ids that are ``known``."""
    for message_id, name in known.items():
        if message_id in text:
            text = text.replace(message_id, name)
    return text


def undated(text: str) -> str:
    """A text without dates, as programs write them into the subjects of their trial messages."""
    return _DATES.sub("(date)", text)


def wording(text: str) -> str:
    """What a server says to people, without dates, client ports and queue ids."""
    return _QUEUE_IDS.sub("(id)", _PORTS.sub(r"\1:(port)", undated(text)))


def unsealed(text: str) -> str:
    """A text without what SRS seals senders with, and on which day: both are others every day."""
    return _SRS.sub(lambda found: f"{found[1]}(seal)=(day)" if found[1] else f"{found[2]}(seal)", text)


def without_key(record: str) -> str:
    """A DNS record without what is of a key in it, which every lab makes anew (TLSA, RFC 6698 §2.2)."""
    return _TLSA_DATA.sub("…", record)


def sized(verb: str, argument: str) -> tuple[str, int]:
    """An argument without the size it announces, and that size, 0 for none: sizes are compared with tolerance."""
    pattern = _BDAT if verb == "BDAT" else _SIZES
    found = pattern.search(argument)
    if found is None:
        return argument, 0
    return pattern.sub("(size)", argument), int(found[0].replace(",", ""))


def name_messages(connections: Iterable[Connection], log: Iterable[AnyEntry]) -> dict[str, str]:
    """Names for message ids, from what their messages say.

    Two messages have two names, and the same message has the same one in every trace: sender, recipients of its first
    transaction, subject, and a number where all that is the same.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}

    def name(message_id: str, sender: str, recipients: Iterable[str], subject: str) -> None:
        if not message_id or message_id in names:
            return
        ends = f"mail from <{sender}> to <{', '.join(sorted(recipients)[:3])}>"
        said = unsealed(ends) + (f" '{undated(subject.replace(message_id, '(id)'))}'" if subject else "")
        counts[said] = counts.get(said, 0) + 1
        names[message_id] = said if counts[said] == 1 else f"{said} no. {counts[said]}"

    for connection in connections:
        for t in connection.transactions:
            name(t.message_id, t.sender, [recipient.address for recipient in t.recipients], t.subject)
    for entry in of(log, events.OfMessage):  # messages that never crossed the wire, or only under TLS
        event = entry.event
        name(event.message_id, *_envelope(event))
        if isinstance(event, events.Fate):
            name(event.dsn_id, "", (event.sender,), "notification")
    return names


def _envelope(event: events.OfMessage) -> tuple[str, tuple[str, ...], str]:
    """Sender, recipients and subject, as far as the event tells."""
    match event:
        case events.Stored():
            return event.sender, (event.recipient,), event.subject
        case events.Fate() | events.AnsweredFor():
            return event.sender, (event.recipient,), ""
        case events.ForRecipient():
            return "", (event.recipient,), ""
        case events.ForRecipients():
            return event.sender, event.recipients, ""
        case events.Attempt():
            return "", event.recipients, ""
    return "", (), ""
