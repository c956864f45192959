"""Programs that are seen to move mail: they fetch it, keep it and delete it at the server, as fetchmail does.

A mail client for a person does some of this, too, and deletes what its owner tells it to, read or unread.  Only one
that has what it deleted is known to move mail, or one that has a Maildir and deletes all that it fetches.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed
from testbed.expect.mailboxes.imap import ImapSession
from testbed.expect.mailboxes.pop3 import Pop3Session
from testbed.expect.visits import Visit
from testbed.protocols import events
from testbed.protocols.header import header_field
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of
from testbed.trace.services.messages import Message

_SEVERAL = 2


class Fetched(Struct, frozen=True):
    """A message with a Message-ID that a reader was given whole, and whether it ``deleted`` it in the same visit."""

    visit: Visit
    message_id: str
    deleted: bool
    frames: tuple[int, ...]


def fetched_by(programs: Sequence[Deed], pop3: Sequence[Pop3Session], imap: Sequence[ImapSession]) -> list[Fetched]:
    """What programs that play a host have fetched themselves: not what steps on the same host did."""
    found = []
    for session in pop3:
        quit_said = any(said.verb == "QUIT" for said in session.visit.said)
        found += [
            _fetched(session.visit, message, deleted=quit_said and at in session.marked)
            for at, message in session.whole.items()
        ]
    for other in imap:
        removed = [mail.whole for _, mail, _, _ in other.deleted]
        found += [
            _fetched(other.visit, one.message, deleted=any(one.message is whole for whole in removed))
            for one in other.given
        ]
    return [one for one in found if one.message_id and plays(programs, one.visit)]


def plays(programs: Sequence[Deed], visit: Visit) -> bool:
    """Whether a visit is the deed of a program that plays a host, and of no other."""
    doers = [deed for deed in programs if deed.did(visit.connection)]
    return bool(doers) and all(deed.plays for deed in doers)


def kept(analysis: Analysis, carried: Sequence[Passage]) -> frozenset[tuple[str, str]]:
    """Hosts, and Message-IDs of what lies in their files, or was handed on by them."""
    lying = (*of(analysis.log, events.HoldsFile), *of(analysis.log, events.HoldsMail))
    held = {(entry.host, entry.event.message_id) for entry in lying}
    return frozenset(held | {(passage.client, passage.known_as) for passage in carried if passage.promised})


def movers(analysis: Analysis, held: frozenset[tuple[str, str]], fetched: Sequence[Fetched]) -> frozenset[str]:
    """The hosts that are seen to move mail."""
    boxes = {entry.host for entry in of(analysis.log, events.QueueSeen) if not entry.event.message_id}
    found = {one.visit.client for one in fetched if one.deleted and (one.visit.client, one.message_id) in held}
    for host in boxes:
        mine = [one for one in fetched if one.visit.client == host]
        gone = {one.message_id for one in mine if one.deleted}
        if len(gone) >= _SEVERAL and gone == {one.message_id for one in mine}:
            found.add(host)
    return frozenset(found)


def _fetched(visit: Visit, message: Message, *, deleted: bool) -> Fetched:
    return Fetched(visit, header_field(message.octets, "Message-ID"), deleted, message.frames)
