"""A way of the mail in words: in one sentence, and each part of it in another."""

from __future__ import annotations

from collections import Counter

from testbed.durations import MINUTE, SECOND, format_duration, span
from testbed.plural import count
from testbed.report.pictures.values import Arrow, End, Fold, Mood, Way

_MOST_COUNTED, _MOST_NUMBERS = 4, 12

MOOD_MARKS = {
    Mood.OK: "✓",
    Mood.TEMPORARY: "~",
    Mood.REPEATED: "‼",
    Mood.FAILED: "✗",
    Mood.LOST: "✗",
    Mood.UNKNOWN: "?",
    Mood.QUIET: "·",
}
"""How something went, in text."""


def lasted(ns: int) -> str:
    """No more exact than it matters to who looks at a picture: ``225 ms``, ``30 min``, ``1 h 30 min``."""
    if ns < MINUTE:
        return "0 s" if ns < SECOND // 1000 else span(ns)
    unit = SECOND if ns < 10 * MINUTE else MINUTE
    return format_duration((ns + unit // 2) // unit * unit)


def headline(way: Way) -> str:
    """What became of the mail, in a sentence."""
    return _told(way) if way.whole else f"{_told(way)}; not all of the capture was looked at"


def _told(way: Way) -> str:
    if len(way.ends) == 1:
        return _of_one(way, way.ends[0])
    if way.ends:
        counted = Counter(end.words for end in way.ends)
        told = [f"{number} {words}" for words, number in counted.most_common(_MOST_COUNTED)]
        more = f", and {len(counted) - _MOST_COUNTED} other fates" if len(counted) > _MOST_COUNTED else ""
        recipients = {end.recipient.lower() for end in way.ends}
        fates = count(len(recipients), "recipient")
        if len(recipients) < len(way.ends):
            for_whom = f"for {way.ends[0].recipient}" if len(recipients) == 1 else f"for {fates}"
            fates = f"{count(len(way.ends), 'message')} {for_whom}"
        return f"{fates}: {next(iter(counted))}" if len(counted) == 1 else f"{fates}: {', '.join(told)}{more}"
    arrows = [row for row in way.rows if isinstance(row, Arrow)]
    if not arrows:
        return "No connection that carries mail"
    carried = sum(arrow.mood is Mood.OK for arrow in arrows)
    total = count(len(arrows), "connection")
    return f"{total}; {carried} carried mail" if carried else f"{total}; no mail was seen on any"


def _of_one(way: Way, end: End) -> str:
    subject = f"“{end.subject}”" if end.subject else "Mail"
    after = end.time_ns - way.start_ns if end.time_ns else 0
    when = f", {lasted(after)} after it was sent" if after >= MINUTE else ""
    return f"{subject} for {end.recipient}: {end.words}{when}"


def told_by_arrow(way: Way, arrow: Arrow) -> str:
    """One connection in a sentence."""
    told = "; ".join(f"{said.text} ({', '.join(said.who[:10])})" if said.who else said.text for said in arrow.said)
    ends = f"{way.lanes[arrow.source].name} to {way.lanes[arrow.target].name}"
    tls = " over TLS" if arrow.secured else ""
    return f"{ends} by {arrow.by}{tls}, connection {arrow.connection}: {told}"


def told_by_end(end: End) -> str:
    """What became of mail for somebody."""
    subject = f", “{end.subject}”" if end.subject else ""
    return f"{end.recipient}{subject}: {end.words}"


def told_by_fold(fold: Fold) -> str:
    """How long nothing happened, or what is not drawn."""
    lasts = lasted(fold.end_ns - fold.time_ns)
    if fold.tries:
        tries = f"{count(fold.tries, 'more try', 'more tries')} alike, over {lasts}"
        numbers = [f"#{number}" for _, number in fold.connections]
        more = " …" if len(numbers) > _MOST_NUMBERS else ""
        return f"{tries}: {', '.join(numbers[:_MOST_NUMBERS])}{more}"
    if fold.connections:
        return f"… {count(len(fold.connections), 'connection')} not drawn, {lasts} …"
    return f"… {lasts} …"
