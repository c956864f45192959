"""Octets end to end: what a host was given is what it hands on and what lies in the mailbox.

Trace headers go on top, and whoever may add a field may add it anywhere (RFC 5321 §4.4, RFC 6409 §8).  Octets beyond
ASCII may be encoded for a next hop that cannot take them (RFC 6152 §3), and a CR or LF that stands alone may be mended
(RFC 5321 §2.3.8).  All else is altered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from email import policy
from email.message import Message
from email.parser import BytesParser

from testbed.expect.conservation.fields import may_go
from testbed.expect.conservation.passages import Content, Passage
from testbed.expect.conservation.passing_on import OTHER_TEXT as _OTHER_TEXT
from testbed.expect.conservation.passing_on import Change, PassedOn
from testbed.expect.conservation.passing_on import difference as difference_besides
from testbed.expect.conservation.rewriting import rewritten
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.log import AnyEntry, of

_OF_ENCODING = frozenset(("content-transfer-encoding", "content-type", "mime-version"))


def altered(
    analysis: Analysis, carried: Sequence[Passage], log: Iterable[AnyEntry], hidden: Container[str], passed_on: PassedOn
) -> Iterator[str]:
    """What was changed on the way, in sentences: by relays, then by those who store.

    Nobody knows what ``hidden`` hosts were given.  ``passed_on`` knows what was to be changed.
    """
    given: dict[tuple[str, str], list[Passage]] = {}
    for passage in carried:
        given.setdefault((passage.server, passage.message_id), []).append(passage)
    seen: dict[str, None] = {}
    earlier: dict[tuple[str, str, int], _Earlier] = {}  # which the recipients of one message share
    for passage in (one for one in carried if one.client not in hidden and not one.in_vain):
        place = passage.client, passage.known_as, passage.ended_ns
        if place not in earlier:
            before = [p for p in given.get(place[:2], ()) if p.ended_ns <= passage.ended_ns]
            earlier[place] = _Earlier(analysis, before, passed_on)
        difference = earlier[place].difference(passage)
        if difference:
            seen[f"{passage.client} altered {named(passage.known_as)} on its way to {passage.server}: {difference}"] = (
                None
            )
    contents = {place: _contents(before) for place, before in given.items()}
    for entry in of(log, events.Stored):
        stored = entry.host, entry.event.message_id
        difference = _in_store(contents.get(stored, ()), entry.event)
        brought = [one.recipient for one in given.get(stored, ())]
        if difference and not passed_on.changes(entry.host, brought, entry.event.recipient.lower()):
            seen[f"{entry.host} altered {named(entry.event.message_id)} in the mailbox: {difference}"] = None
    yield from seen


class _Earlier:
    """What a host had been given of a message before it handed it on."""

    def __init__(self, analysis: Analysis, before: Sequence[Passage], passed_on: PassedOn) -> None:
        self._analysis = analysis
        self._passed_on = passed_on
        self._senders = tuple(dict.fromkeys(one.sender for one in before))
        self._recipients = frozenset(one.recipient for one in before)
        self._contents = _contents(before)
        self._found: dict[tuple[int, int], str] = {}

    def difference(self, after: Passage) -> str:
        """What it altered, ``""`` for nothing that is known."""
        changes = self._passed_on.changes(after.client, list(self._recipients), after.recipient)
        found = [self._as_told(after, change) for change in changes]
        if not found or (after.recipient in self._recipients and "" not in found):
            found.append(self._as_it_came(after))
        return "" if "" in found else found[0]

    def _as_told(self, after: Passage, change: Change) -> str:
        if not any(change.fits_sender(one, after.sender) for one in self._senders):
            return f"its envelope sender is <{after.sender}>"
        if after.content is None or not self._contents:
            return ""
        now = _octets(self._analysis, after.content)
        found = [difference_besides(change, _octets(self._analysis, one), now) for one in self._contents]
        return "" if "" in found else found[0]

    def _as_it_came(self, after: Passage) -> str:
        if after.recipient in self._recipients and not any(rewritten(one, after.sender) for one in self._senders):
            return f"its envelope sender is <{after.sender}>"
        if after.content is None or not self._contents:
            return ""
        if after.content.place not in self._found:
            self._found[after.content.place] = self._between(after.content)
        return self._found[after.content.place]

    def _between(self, after: Content) -> str:
        same = [one for one in self._contents if one.text_sha256 == after.text_sha256]
        if same:
            return _lost_field(same, after.fields)
        decoded = _decoded(self._analysis, after)
        if decoded and any(_decoded(self._analysis, one) == decoded for one in self._contents):
            return _lost_field(self._contents, after.fields, _OF_ENCODING)
        mended = _mended(self._contents, after.loose_sha256)
        return _lost_field(mended, after.fields) if mended else _OTHER_TEXT


def _contents(before: Sequence[Passage]) -> tuple[Content, ...]:
    """Each content once, however many recipients it was for; none where not all are known."""
    known = {one.content.place: one.content for one in before if one.content is not None}
    return tuple(known.values()) if all(one.content is not None for one in before) else ()


def _in_store(contents: Sequence[Content], stored: events.Stored) -> str:
    if not stored.body_sha256 or not contents:
        return ""
    if stored.text_sha256 or stored.unquoted_sha256:
        return difference(contents, stored, stored.header)
    return "" if any(one.body_sha256 == stored.body_sha256 for one in contents) else _OTHER_TEXT


def difference(before: Sequence[Content], after: Content | events.Stored, fields: Sequence[str]) -> str:
    """What makes a message none of those ``before`` it, ``""`` where it is one; fields may have come on top.

    Where it may lie in an mbox file, marks of quotation do not count.
    """
    same = [one for one in before if one.text_sha256 == after.text_sha256]
    same = same or [one for one in before if one.unquoted_sha256 == after.unquoted_sha256]
    same = same or _mended(before, after.loose_sha256)
    return _lost_field(same, fields) if same else _OTHER_TEXT


def _mended(before: Sequence[Content], loose_sha256: str) -> list[Content]:
    return [one for one in before if one.malformed and one.loose_sha256 == loose_sha256]


def _lost_field(before: Sequence[Content], after: Sequence[str], may_change: frozenset[str] = frozenset()) -> str:
    """The first header field that is not there as it was; ``""`` where one of the messages before has all of them."""
    lost = ""
    for content in before:
        there = Counter(after)
        there.subtract(content.fields)
        gone = (field.partition("=")[0] for field in content.fields if there[field] < 0)
        stay = (name for name in gone if name not in may_change and not may_go(name))
        lost = next(stay, "")
        if not lost:
            return ""
    return f"its header field {lost} is gone or changed"


def _decoded(analysis: Analysis, content: Content) -> tuple[bytes, ...]:
    """The decoded parts of a message's text; none where it is no MIME, which nobody may encode."""
    message = BytesParser(policy=policy.compat32).parsebytes(_octets(analysis, content))
    return tuple(_payload(part) for part in message.walk()) if "MIME-Version" in message else ()


def _octets(analysis: Analysis, content: Content) -> bytes:
    """The message itself."""
    for mail in mail_objects(replace(analysis, chosen=content.place[:1]), analysis.understanding.decrypted.flows):
        if mail.ordinal == content.place[1]:
            return mail.octets
    return b""


def _payload(part: Message) -> bytes:
    octets = part.get_payload(decode=True)
    return octets.replace(b"\r\n", b"\n").rstrip(b"\n") if isinstance(octets, bytes) else b""
