"""What a reader has fetched and deleted is its own to keep: in files of its directory, as far as these show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import PurePath

from testbed.expect.conservation.passages import Passage
from testbed.expect.mailboxes.movers import Fetched
from testbed.expect.mailboxes.offence import KEPT, Offence
from testbed.expect.visits import Visit
from testbed.protocols import events
from testbed.protocols.header import named
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import of

_GOODBYES = ("QUIT", "LOGOUT")


def stored_by_readers(
    analysis: Analysis,
    carried: Sequence[Passage],
    fetched: Sequence[Fetched],
    held: Collection[tuple[str, str]],
    moving: Collection[str],
) -> Iterator[Offence]:
    """Programs that play the reader, and have what they fetched nowhere, or twice.

    What lay in a file once was kept, and removed by whoever did it; what a next hop refused is told elsewhere.
    """
    seen = {(entry.host, entry.event.message_id) for entry in of(analysis.log, events.QueueSeen)}
    seen |= {(passage.client, passage.known_as) for passage in carried if passage.status[:1] == "5"}
    for one in fetched:
        host, message_id = one.visit.client, one.message_id
        if one.deleted and (host, message_id) not in held:
            sure = host in moving and (host, message_id) not in seen
            if sure:
                why = f"{host} fetched and deleted {named(message_id)}, but has it nowhere"
            else:
                why = f"nobody can see whether {host} has {named(message_id)}, which it fetched and deleted"
            yield Offence(KEPT, why, one.frames, judged=sure)
    yield from _stored_twice(analysis, carried, fetched)


def _stored_twice(analysis: Analysis, carried: Sequence[Passage], fetched: Sequence[Fetched]) -> Iterator[Offence]:
    files = list(of(analysis.log, events.HoldsFile))
    crashed = {entry.host for entry in of(analysis.log, events.Crashed)}
    for host, message_id in dict.fromkeys((one.visit.client, one.message_id) for one in fetched):
        mine = [one for one in fetched if (one.visit.client, one.message_id) == (host, message_id)]
        copies = _copies(e.event.file for e in files if (e.host, e.event.message_id) == (host, message_id))
        brought = sum(p.promised and p.server == mine[0].visit.server and p.message_id == message_id for p in carried)
        if copies > max(brought, len(mine)) and host not in crashed and all(_ended_well(one.visit) for one in mine):
            why = f"{host} stores {copies} copies of {named(message_id)}, and no cut connection explains it"
            yield Offence(KEPT, why, tuple(frame for one in mine for frame in one.frames))


def _ended_well(visit: Visit) -> bool:
    return any(said.verb in _GOODBYES and said.ok for said in visit.said)


def _copies(files: Iterable[str]) -> int:
    """The most there are in one Maildir."""
    folders = [path.parent.parent for path in map(PurePath, files) if path.parent.name in ("new", "cur")]
    return max(map(folders.count, folders), default=0)
