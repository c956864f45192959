"""What a reader has fetched and deleted is its own to keep: in files of its directory, as far as these show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from testbed.expect.conservation.copies import named
from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed
from testbed.expect.mailboxes.breach import KEPT, Breach
from testbed.expect.mailboxes.imap import ImapSession
from testbed.expect.mailboxes.pop3 import Pop3Session
from testbed.expect.visits import Visit
from testbed.protocols import events
from testbed.protocols.header import header_field
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of
from testbed.trace.services.messages import Message

_GOODBYES = ("QUIT", "LOGOUT")


@dataclass(frozen=True, slots=True)
class _Fetched:
    visit: Visit
    message_id: str
    deleted: bool
    frames: tuple[int, ...]


def stored_by_readers(
    analysis: Analysis,
    carried: Sequence[Passage],
    programs: Sequence[Deed],
    pop3: Sequence[Pop3Session],
    imap: Sequence[ImapSession],
) -> Iterator[Breach]:
    """Programs that play the reader, and have what they fetched nowhere, or twice."""
    readers = {deed.host for deed in programs if deed.plays}
    crashed = {entry.host for entry in of(analysis.log, events.Crashed)}
    files = list(of(analysis.log, events.HoldsFile))
    held = {(entry.host, entry.event.message_id) for entry in (*files, *of(analysis.log, events.HoldsMail))}
    held |= {(passage.client, passage.known_as) for passage in carried if passage.promised}
    fetched = [one for one in (*_by_pop3(pop3), *_by_imap(imap)) if one.message_id and one.visit.client in readers]
    known = {(one.visit.client, message_id) for one in fetched for message_id in (one.message_id, "")}
    shown = {e.host for e in of(analysis.log, events.QueueSeen) if (e.host, e.event.message_id) in known}
    for one in fetched:
        host = one.visit.client
        if one.deleted and (host, one.message_id) not in held:
            if host in shown:
                why = f"{host} fetched and deleted {named(one.message_id)}, and has it nowhere"
            else:
                why = f"whether {host} has {named(one.message_id)}, which it fetched and deleted, cannot be seen"
            yield Breach(KEPT, why, one.frames, judged=host in shown)
    for host, message_id in dict.fromkeys((one.visit.client, one.message_id) for one in fetched):
        mine = [one for one in fetched if (one.visit.client, one.message_id) == (host, message_id)]
        copies = _copies(e.event.file for e in files if (e.host, e.event.message_id) == (host, message_id))
        brought = sum(p.promised and p.server == mine[0].visit.server and p.message_id == message_id for p in carried)
        if copies > max(1, brought) and host not in crashed and all(_ended_well(one.visit) for one in mine):
            why = f"{host} stores {copies} copies of {named(message_id)}, and no cut connection explains it"
            yield Breach(KEPT, why, tuple(frame for one in mine for frame in one.frames))


def _by_pop3(sessions: Sequence[Pop3Session]) -> Iterator[_Fetched]:
    for session in sessions:
        for at, message in session.whole.items():
            gone = at in session.marked and any(said.verb == "QUIT" for said in session.visit.said)
            yield _fetched(session.visit, message, deleted=gone)


def _by_imap(sessions: Sequence[ImapSession]) -> Iterator[_Fetched]:
    for session in sessions:
        removed = [mail.whole for _, mail, _, _ in session.deleted]
        for one in session.given:
            yield _fetched(session.visit, one.message, deleted=any(one.message is whole for whole in removed))


def _fetched(visit: Visit, message: Message, *, deleted: bool) -> _Fetched:
    return _Fetched(visit, header_field(message.octets, "Message-ID"), deleted, message.frames)


def _ended_well(visit: Visit) -> bool:
    return any(said.verb in _GOODBYES and said.ok for said in visit.said)


def _copies(files: Iterable[str]) -> int:
    """The most there are in one Maildir."""
    folders = [path.parent.parent for path in map(PurePath, files) if path.parent.name in ("new", "cur")]
    return max(map(folders.count, folders), default=0)
