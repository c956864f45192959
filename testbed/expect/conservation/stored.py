"""What programs have stored, known again as what was sent: files in their mailboxes, and what they were read by."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import programs
from testbed.expect.read_back import BoxOf, given_to_readers, known
from testbed.protocols import events
from testbed.protocols.header import header_field, text_digest
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry, LogEntry, of

_INBOX = "INBOX"
_Key = tuple[BoxOf, str]  # a message in a mailbox


def known_again(analysis: Analysis, carried: Sequence[Passage]) -> tuple[AnyEntry, ...]:
    """The log, in which a message stored by a program has the Message-ID it was sent with.

    One whose Message-ID nobody has sent to that host is known by its body.  Of what was read at the end only what
    tells of a delivery is left.
    """
    hosts = programs(analysis)
    sent = {(passage.server, passage.message_id) for passage in carried}
    by_body = {
        (passage.server, passage.recipient, text): passage.message_id
        for passage in carried
        if passage.content is not None
        for text in (passage.content.text_sha256, passage.content.unquoted_sha256)
    }

    def known_by_body(entry: AnyEntry) -> AnyEntry:
        event = entry.event
        if not isinstance(event, events.Stored) or entry.host not in hosts or (entry.host, event.message_id) in sent:
            return entry
        text = event.unquoted_sha256 or event.text_sha256
        original = by_body.get((entry.host, event.recipient.lower(), text), event.message_id)
        if original == event.message_id:
            return entry
        return replace(entry, event=dataclasses.replace(event, message_id=original))

    given = list(map(known_by_body, _given(analysis)))
    log = [known_by_body(entry) for entry in analysis.log]
    others = (entry for entry in log if not isinstance(entry.event, events.Found))
    return (*others, *_delivered(analysis, carried, list(of(log, events.Found)), list(of(given, events.Found))))


def _given(analysis: Analysis) -> Iterator[LogEntry[events.Found]]:
    """What readers were given from mailboxes that were read at the end, each as often as in one of their visits."""
    most: dict[tuple[BoxOf, bytes], list[LogEntry[events.Found]]] = {}
    visited: dict[tuple[BoxOf, bytes, int], list[LogEntry[events.Found]]] = {}
    for box, visit, octets, time_ns, frame in given_to_readers(analysis):
        (host, address), (head, _, body) = box, octets.partition(b"\r\n\r\n")
        event = events.Found(
            recipient=address,
            message_id=header_field(head, "Message-ID"),
            subject=header_field(head, "Subject"),
            sender=header_field(head, "Return-Path").strip("<>"),
            text_sha256=text_digest(body),
            folder=_INBOX,
        )
        mine = visited.setdefault((box, octets, visit.connection.number), [])
        mine.append(LogEntry(frame, time_ns, host, event, ""))
        most[box, octets] = max(most.get((box, octets), []), mine, key=len)
    for entries in most.values():
        yield from entries


def _delivered(
    analysis: Analysis,
    carried: Sequence[Passage],
    found: Sequence[LogEntry[events.Found]],
    given: Sequence[LogEntry[events.Found]],
) -> Iterator[LogEntry[events.Found]]:
    """What was delivered, once each: at the time of the 250, for nobody saw when it was stored.

    A copy in another folder is its owner's own, or a rule's.  What nobody has sent there is told if it lies in the
    inbox, and nobody but the program can have put it there.
    """
    promised: dict[_Key, list[Passage]] = {}
    for passage in sorted((one for one in carried if one.promised), key=lambda one: one.ended_ns):
        promised.setdefault(((passage.server, passage.recipient), passage.message_id), []).append(passage)
    lying, taken = _by_message(found), _by_message(given)
    untouched = known(analysis)
    for key in dict.fromkeys((*lying, *taken)):
        mine, brought = lying.get(key, []), promised.get(key, [])
        if not brought:
            yield from (one for one in mine if key[0] in untouched and one.event.folder.upper() == _INBOX)
            continue
        mine.sort(key=lambda one: one.event.folder.upper() != _INBOX)
        most = max(Counter(one.event.folder for one in mine).values(), default=0)
        mine = mine[: max(most, min(len(mine), len(brought)))]
        mine += taken.get(key, [])[len(mine) :]
        for number, entry in enumerate(mine):
            passage = brought[min(number, len(brought) - 1)]
            sender = entry.event.sender or passage.sender
            yield replace(entry, time_ns=passage.ended_ns, event=dataclasses.replace(entry.event, sender=sender))


def _by_message(entries: Sequence[LogEntry[events.Found]]) -> dict[_Key, list[LogEntry[events.Found]]]:
    groups: dict[_Key, list[LogEntry[events.Found]]] = {}
    for entry in entries:
        groups.setdefault(((entry.host, entry.event.recipient.lower()), entry.event.message_id), []).append(entry)
    return groups
