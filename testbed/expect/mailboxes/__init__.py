"""Mailbox servers and their readers: what is in a mailbox stays as it is until its owner deletes it.

Only programs of the user's are judged, by what they said themselves; the lab's own servers do what faults ask of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from testbed.expect.conservation.passages import Passage
from testbed.expect.deeds import Deed, deeds
from testbed.expect.mailboxes.folder import Folder, Look
from testbed.expect.mailboxes.given import altered, renamed
from testbed.expect.mailboxes.imap import ImapSession
from testbed.expect.mailboxes.movers import fetched_by, kept, movers
from testbed.expect.mailboxes.offence import Offence
from testbed.expect.mailboxes.pop3 import Pop3Session
from testbed.expect.mailboxes.readers import deleted_unread
from testbed.expect.mailboxes.stores import stored_by_readers
from testbed.expect.observed import programs
from testbed.expect.read_back import CHANGES
from testbed.expect.verdict import Verdict
from testbed.expect.visits import Visit, visits
from testbed.protocols import events
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_MOST = 3  # offences of one rule that are told one by one


def mailboxes(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """What mailbox servers and readers have broken: a verdict an offence, of one rule not more than a few."""
    ran = deeds(analysis)
    told: Counter[str] = Counter()
    for offence in dict.fromkeys(_offences(analysis, carried, ran) if ran else ()):
        told[offence.rule] += 1
        if told[offence.rule] <= _MOST:
            frames = tuple(dict.fromkeys(offence.frames))
            yield Verdict(offence.rule, not offence.judged, offence.why, frames, judged=offence.judged)


def _offences(analysis: Analysis, carried: Sequence[Passage], ran: Sequence[Deed]) -> Iterator[Offence]:
    found, hosts = visits(analysis), programs(analysis)
    addresses, reachable = _addresses(analysis), _known_by_packets(analysis, ran)
    folders: dict[tuple[str, str, str], Folder] = {}
    pop3: list[Pop3Session] = []
    imap: list[ImapSession] = []
    for visit in found:
        folder_of = partial(_folder, folders, visit)
        if visit.connection.service == "pop3":
            pop3.append(Pop3Session(visit))
            pop3[-1].follow(folder_of("INBOX"))
        else:
            alone = visit.server in reachable and _alone(visit, found, addresses)
            imap.append(ImapSession(visit, folder_of, alone))
            imap[-1].follow()
    every: list[Pop3Session | ImapSession] = [*pop3, *imap]
    judged = [session for session in every if session.visit.server in hosts]
    for session in judged:
        yield from session.offences
    given = [message for session in judged for message in session.given]
    appended = [message for session in imap for message in session.appended]
    yield from renamed(given)
    yield from altered(given, carried, appended, addresses)
    for folder in folders.values():
        if folder.server in hosts & reachable:
            _outside(folder, carried, found, addresses)
            _reshaped(folder, imap)
            _at_the_end(folder, analysis)
            yield from folder.offences()
    fetched, held = fetched_by(ran, pop3, imap), kept(analysis, carried)
    moving = movers(analysis, held, fetched)
    yield from deleted_unread(ran, pop3, imap, moving, carried)
    yield from stored_by_readers(analysis, carried, fetched, held, moving)


def _folder(folders: dict[tuple[str, str, str], Folder], visit: Visit, name: str) -> Folder:
    return folders.setdefault((visit.server, visit.user, name), Folder(visit.server, visit.user, name))


def _alone(visit: Visit, others: Sequence[Visit], addresses: Mapping[str, frozenset[str]]) -> bool:
    """Whether nobody else changed the mailbox meanwhile, at whatever server."""
    return not any(
        other is not visit
        and (other.user == visit.user or (other.server == visit.server and _goes_elsewhere(other, addresses)))
        and other.opened_ns <= visit.ended_ns
        and visit.opened_ns <= other.ended_ns
        and any(said.verb in CHANGES for said in other.said)
        for other in others
    )


def _goes_elsewhere(visit: Visit, addresses: Mapping[str, frozenset[str]]) -> bool:
    """Whether somebody may have been in others' mailboxes: by a folder they share, or as no user that is known."""
    users = {address.partition("@")[0] for address in addresses.get(visit.server, ())}
    opened = [said.argument.strip('" ').upper() for said in visit.said if said.verb in ("SELECT", "EXAMINE")]
    return visit.user not in users or any(not name.startswith("INBOX") for name in opened)


def _reshaped(folder: Folder, sessions: Sequence[ImapSession]) -> None:
    """Note in a folder when it, or one above it, was deleted or renamed."""
    for session in sessions:
        if (session.visit.server, session.visit.user) == (folder.server, folder.user):
            for name, time_ns in session.reshaped:
                if folder.name == name or folder.name.startswith((f"{name}/", f"{name}.")):
                    folder.doubts.append(time_ns)


def _outside(
    folder: Folder, carried: Sequence[Passage], found: Sequence[Visit], addresses: Mapping[str, frozenset[str]]
) -> None:
    """Note in a folder what others brought to it, and what may have been done to it at another server."""
    for passage in carried:
        if passage.server == folder.server or passage.recipient.partition("@")[0] == folder.user:
            folder.arrivals.append(passage.ended_ns)
    for visit in found:
        other = (visit.user == folder.user) != (visit.server == folder.server)
        if other and (visit.server != folder.server or _goes_elsewhere(visit, addresses)):
            folder.doubts += [said.ended_ns for said in visit.said if said.verb in CHANGES]


def _at_the_end(folder: Folder, analysis: Analysis) -> None:
    """The last look is the lab's own, where mail for the folder was seen to lie in a Maildir."""
    files = [entry for entry in of(analysis.log, events.Stored) if not isinstance(entry.event, events.Found)]
    if folder.name != "INBOX" or not any(folder.holds(entry) for entry in files):
        return
    held = [entry.frame for entry in of(analysis.log, events.HoldsMail) if folder.holds(entry)]
    ended = [(entry.time_ns, entry.frame) for entry in of(analysis.log, events.LabEnded)]
    for time_ns, frame in ended[-1:]:
        folder.looks.append(Look(time_ns, time_ns, len(held), (*held, frame)))


def _addresses(analysis: Analysis) -> dict[str, frozenset[str]]:
    started = of(analysis.log, events.Started)
    return {entry.host: frozenset((*entry.event.mailboxes, *entry.event.takes)) for entry in started}


def _known_by_packets(analysis: Analysis, ran: Sequence[Deed]) -> frozenset[str]:
    """The hosts on which mail was changed by nothing but what their packets show: no web page, and no other program."""
    by_web = {c.server.label for c in analysis.connections if c.service == "http"}
    by_hand = {deed.host for deed in ran if not deed.plays}
    emptied = any(True for _ in of(analysis.log, events.Emptied))
    hosts = {deed.host for deed in ran if deed.plays}
    return frozenset() if emptied else frozenset(hosts - by_web - by_hand)
