"""What became of the mail of a trace in the end, a word for each recipient: for comparing who carried it.

Nothing is judged here.  Whether a fate is right is what expectations and rules say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from testbed.durations import SECOND
from testbed.expect.conservation.ledger import Debt, Ledger
from testbed.expect.conservation.passages import passages
from testbed.expect.conservation.stored import known_again
from testbed.expect.observed import programs, told_by_programs
from testbed.plural import times
from testbed.protocols import events
from testbed.scenario.next_hops import LMTP_PORT, SMTP_PORT
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Exchange, Recipient, Transaction
from testbed.trace.model.log import AnyEntry, of


class End(StrEnum):
    """How mail for a recipient ended."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REFUSED = "refused"  # by the first server it was offered to
    NOT_TAKEN = "not taken"  # by that server, which never had all of it, or never said so and has kept nothing
    QUEUED = "queued"  # still, when the trace ends
    PASSED_ON = "passed on"  # under another address, or thrown away because its owner wants that
    LOST = "lost"
    UNKNOWN = "unknown"  # to whoever has but the trace


@dataclass(frozen=True, slots=True)
class Fate:
    """``status`` is that of the bounce or of the refusal, ``""`` where there was none.

    ``told`` tells that mail was bounced though it was delivered as well.
    """

    message_id: str
    recipient: str
    end: End
    copies: int
    status: str
    told: bool
    frames: tuple[int, ...]

    @property
    def words(self) -> str:
        """``delivered twice``, ``bounced 5.1.1``."""
        often = f" {times(self.copies)}" if self.copies > 1 else ""
        status = f" {self.status}" if self.status else ""
        if self.end is End.DELIVERED:
            return f"delivered{often}" + (f" and bounced{status}" if self.told else "")
        return f"{self.end}{status}"


def fates(analysis: Analysis) -> list[Fate]:
    """The fate of each message for each recipient that its first server was offered, in the order of the offers."""
    carried = passages(analysis)
    log = known_again(analysis, carried)
    debts = Ledger(analysis, carried, log).debts()
    found: dict[tuple[str, str], Fate] = {}
    silent = programs(analysis)
    for server, transaction, recipient in _offered(analysis):
        key = transaction.message_id, recipient.address.lower()
        if recipient.accepted or key not in found:
            known = not _came_whole(transaction.message) or (analysis.lab is not None and server not in silent)
            found[key] = _fate(key, server, known, recipient, [*log, *told_by_programs(analysis)], debts)
    return list(found.values())


def attempts_s(analysis: Analysis, hosts: Iterable[str]) -> tuple[float, ...]:
    """When these hosts opened connections to mail servers, in seconds since they were first offered mail."""
    hosts = frozenset(hosts)
    offered = [c.start_ns for c in analysis.connections if c.server.label in hosts and c.transactions]
    tried = [
        connection.start_ns
        for connection in analysis.connections
        if connection.client.label in hosts and connection.server.port in (SMTP_PORT, LMTP_PORT)
    ]
    began = min(offered or tried, default=0)
    return tuple(round((start - began) / SECOND, 3) for start in tried)


def _offered(analysis: Analysis) -> Iterator[tuple[str, Transaction, Recipient]]:
    """What people's programs have handed to their servers: of hosts that take no mail themselves."""
    servers = {connection.server.label for connection in analysis.connections if connection.transactions}
    for connection in analysis.connections:
        if connection.client.label not in servers:
            for transaction in connection.transactions:
                if transaction.sender:
                    yield from ((connection.server.label, transaction, one) for one in transaction.recipients)


def _fate(
    key: tuple[str, str],
    server: str,
    known: bool,
    offered: Recipient,
    log: Sequence[AnyEntry],
    debts: Sequence[Debt],
) -> Fate:
    """``server`` is its first, and ``known`` tells that this has nothing of it that does not show."""
    message_id, address = key
    stored = [e for e in of(log, events.Stored) if (e.event.message_id, _for(e.event)) == key]
    bounced = [e for e in of(log, events.Bounced) if (e.event.message_id, e.event.recipient.lower()) == key]
    owing = [debt for debt in debts if (debt.message_id, debt.recipient) == key]
    reply = offered.decisive
    status = bounced[0].event.status if bounced else ""
    frames = tuple(sorted({entry.frame for entry in (*stored, *bounced)}))
    if stored:
        end = End.DELIVERED
    elif bounced:
        end = End.BOUNCED
    elif any(debt.lost for debt in owing):
        end, frames = End.LOST, owing[0].frames
    elif any(debt.unseen for debt in owing) or (offered.accepted and not owing):
        end = End.UNKNOWN
    elif owing:
        end, frames = End.QUEUED if _is_held(key, log) else End.PASSED_ON, owing[0].frames
    elif lies := [e.frame for e in of(log, events.HoldsFile) if (e.host, e.event.message_id) == (server, message_id)]:
        end, frames = End.QUEUED if _is_listed(server, address, log) else End.UNKNOWN, tuple(lies)
    elif reply is not None and reply.code[:1] in ("4", "5"):
        end, status, frames = End.REFUSED, reply.status, reply.frames
    elif known and not offered.unseen:
        end = End.NOT_TAKEN
    else:
        end = End.UNKNOWN
    return Fate(message_id, address, end, len(stored), status, bool(stored and bounced), frames)


def _came_whole(message: Exchange | None) -> bool:
    return message is not None and message.command is not None and message.command.whole


def _is_held(key: tuple[str, str], log: Sequence[AnyEntry]) -> bool:
    """Whether some queue holds it: by its own account, as a file, or as a line of its listing."""
    message_id, address = key
    return (
        any((entry.event.message_id, entry.event.recipient.lower()) == key for entry in of(log, events.HoldsQueue))
        or any(entry.event.message_id == message_id for entry in of(log, events.HoldsFile))
        or any(entry.event.recipient.lower() == address for entry in of(log, events.HoldsListed))
    )


def _is_listed(host: str, address: str, log: Sequence[AnyEntry]) -> bool:
    """Whether a host's listing has mail for somebody; a file alone may be what a broken dialogue has left."""
    return any(entry.host == host and entry.event.recipient.lower() == address for entry in of(log, events.HoldsListed))


def _for(stored: events.Stored) -> str:
    """Whom what was stored was addressed to."""
    return (stored.alias or stored.recipient).lower()


def told(found: Iterable[Fate]) -> str:
    """All fates in a few words: ``delivered``, or ``2 delivered, 1 bounced 5.1.1``."""
    counted = Counter(fate.words for fate in found)
    if len(counted) == 1:
        return next(iter(counted))
    return ", ".join(f"{number} {words}" for words, number in sorted(counted.items()))
