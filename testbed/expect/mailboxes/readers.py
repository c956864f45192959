"""Readers that delete what they have not fetched whole: nobody has it any more.

A person may delete what he has not read, or seen the beginning of, and a program may have been told to.  So only those
that are seen to move mail (:mod:`testbed.expect.mailboxes.movers`) are accused, of what they had no reason for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed
from testbed.expect.mailboxes.imap import ImapSession
from testbed.expect.mailboxes.movers import plays
from testbed.expect.mailboxes.offence import READS, Offence
from testbed.expect.mailboxes.pop3 import Pop3Session
from testbed.expect.mailboxes.selected import SEEN, Mail
from testbed.expect.visits import Visit

_SPELLED = re.compile(r"\b(DELE \d|STORE [\d*]|EXPUNGE\b)", re.I)
_SEEKS = ("FROM", "TO", "CC", "BCC", "SUBJECT", "HEADER", "BODY", "TEXT", "LARGER", "SMALLER", "BEFORE", "SINCE", "ON")


class _Deletion(Struct, frozen=True):
    """A message a reader deleted: what it is called, what was fetched of it, and the frames."""

    visit: Visit
    called: str
    fetched: str  # "whole", "part", "looked", ""
    known: bool  # that nothing more was fetched of it in other visits
    chosen: bool  # it may have been left out for its size, or because it was known from before
    frames: tuple[int, ...]


def deleted_unread(
    programs: Sequence[Deed],
    pop3: Sequence[Pop3Session],
    imap: Sequence[ImapSession],
    moving: Collection[str],
    carried: Sequence[Passage],
) -> Iterator[Offence]:
    """Deletions by programs, of messages they had not fetched whole; ``moving`` are the hosts that move mail.

    A command that spells out the deletion is the scenario's own deed.
    """
    for one in (*_by_pop3(pop3, imap, carried), *_by_imap(imap, pop3)):
        visit = one.visit
        doers = [deed for deed in programs if deed.did(visit.connection)]
        told = any(not deed.plays and _SPELLED.search(deed.command) for deed in doers)
        if not doers or told or one.fetched == "whole" or not one.known:
            continue
        what = f"{visit.client} deleted {one.called} of {visit.user} at {visit.server}"
        if one.fetched == "looked":
            why = f"{what} by what it had seen of it: nobody can see whether it was set to"
            yield Offence(READS, why, one.frames, judged=False)
            continue
        how = "had fetched only in part" if one.fetched == "part" else "had not fetched"
        why, sure = f"{what}, which it {how}", visit.client in moving and plays(programs, visit) and not one.chosen
        yield Offence(READS, why if sure else f"{why}: nobody can see whether it was set to", one.frames, judged=sure)


def _by_pop3(
    sessions: Sequence[Pop3Session], others: Sequence[ImapSession], carried: Sequence[Passage]
) -> Iterator[_Deletion]:
    for session in sessions:
        quit_said = any(said.verb == "QUIT" for said in session.visit.said)
        elsewhere = [other for other in sessions if _same(session.visit, other.visit) and other is not session]
        names = {other.ids.get(at) for other in elsewhere for at in other.whole}
        shown = {other.ids.get(at) for other in elsewhere for at in (*other.looked, *other.begun)}
        came = sum(p.promised and p.recipient.partition("@")[0] == session.visit.user for p in carried)
        largest = max((len(message.octets) for message in session.whole.values()), default=0)
        by_imap = any(_same(session.visit, other.visit) and other.given for other in others)
        for at, said in session.marked.items() if quit_said else ():
            name = session.ids.get(at)
            fetched = "whole" if at in session.whole or (name and name in names) else ""
            looked = at in session.looked or (name and name in shown)
            fetched = fetched or ("part" if at in session.begun else "looked" if looked else "")
            known = not by_imap and ((name is not None and None not in names) or not names)
            chosen = session.sizes.get(at, 0) > largest or session.count is None or session.count > came
            yield _Deletion(session.visit, session.name(at), fetched, known, chosen, said.exchange.frames)


def _by_imap(sessions: Sequence[ImapSession], others: Sequence[Pop3Session]) -> Iterator[_Deletion]:
    for session in sessions:
        mine = [other for other in sessions if _same(session.visit, other.visit)]
        own = any(other.appended for other in mine)  # it may know what it has put there itself
        by_pop3 = any(_same(session.visit, other.visit) and other.whole for other in others)
        for folder, mail, called, said in session.deleted:
            names = {(one.naming, one.name) for other in mine if other is not session for one in other.given}
            key = (f"{folder.folder.name} {folder.naming}", f"UID {mail.uid}")
            fetched = "whole" if mail.whole is not None or key in names else _fetched(mail)
            shown = _sought(session) or any(
                key in other.looked for other in mine if mail.uid is not None or other is not session
            )
            fetched = fetched or ("looked" if shown else "")
            known = not own and not by_pop3 and (mail.uid is not None or not names)
            largest = max((len(one.message.octets) for one in session.given), default=0)
            chosen = SEEN in (mail.flags or ()) or (not mail.seen and (mail.size or 0) > largest)
            yield _Deletion(session.visit, called, fetched, known, chosen, said.exchange.frames)


def _same(one: Visit, other: Visit) -> bool:
    return (one.client, one.server, one.user) == (other.client, other.server, other.user)


def _sought(session: ImapSession) -> bool:
    """Whether messages were looked for by what is in them."""
    arguments = (said.argument.upper().split() for said in session.visit.said if said.verb == "SEARCH")
    return any(word in _SEEKS for words in arguments for word in words)


def _fetched(mail: Mail) -> str:
    """``whole`` where its halves or pieces join, ``part`` where they do not, ``looked`` for less."""
    sections = {part.section for told in mail.seen for part in told.parts if part.offset is None}
    if {"HEADER", "TEXT"} <= sections:
        return "whole"
    for section in ("", "TEXT"):
        pieces = sorted(
            (part.offset, part.offset + part.octets)
            for told in mail.seen
            for part in told.parts
            if part.section == section and part.offset is not None
        )
        if pieces:
            return _joined(pieces, mail.size if section == "" else None)
    return "part" if "TEXT" in sections else "looked" if mail.seen else ""


def _joined(pieces: Sequence[tuple[int, int]], size: int | None) -> str:
    """What pieces make together; where nobody was told the size, one shorter than the others is the last."""
    end = 0
    ended = any(begin == over for begin, over in pieces)  # one asked for behind the end is empty (RFC 9051 §6.4.5)
    for begin, over in pieces:
        if over > begin > end:
            return "part"
        end = max(end, over)
    if size is not None:
        return "whole" if end >= size else "part"
    lengths = [over - begin for begin, over in pieces]
    return "whole" if ended or lengths[-1] < max(lengths) else "looked"
