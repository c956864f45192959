"""The messages that a client tried to be rid of, each with its attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from testbed.durations import SECOND
from testbed.reproduce.names import Names
from testbed.reproduce.spans import roughly
from testbed.reproduce.visits import Visit
from testbed.trace.model.exchange import UNSEEN, Transaction

_SAME_RUN_NS = 5 * SECOND  # within which a client goes from one server to the next


@dataclass(slots=True)
class Mailing:
    """One message of one client.  Addresses are those of the scenario; ``attempts`` are connections in order."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    message_id: str = ""
    attempts: list[Visit] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    @property
    def start_ns(self) -> int:
        """When it was tried for the first time."""
        return self.attempts[0].start_ns

    @property
    def octets(self) -> int:
        """How long the message is, as far as it shows."""
        sizes = [t.message.command.octets for t in self.transactions if t.message is not None and t.message.command]
        return max([*sizes, *(_announced(t.parameters) for t in self.transactions)], default=0)

    @property
    def pauses_ns(self) -> list[int]:
        """The times between one attempt, which may go to several servers, and the next."""
        found, before = list[int](), self.attempts[0]
        for attempt in self.attempts[1:]:
            pause = attempt.start_ns - before.until_ns
            if pause > _SAME_RUN_NS or (attempt.server is before.server and pause > SECOND):
                found.append(roughly(pause))
            before = max(before, attempt, key=lambda visit: visit.until_ns)
        return found


def mailings(visits: Iterable[Visit], names: Names) -> list[Mailing]:
    """What one client had to send, in the order of first attempts."""
    found: list[Mailing] = []
    blank: list[Visit] = []  # attempts that came to no transaction
    for visit in visits:
        transactions = [t for t in visit.connection.transactions if t.sender != UNSEEN]
        if not transactions:
            waiting = next((m for m in reversed(found) if m.waiting), None)
            (waiting.attempts if waiting is not None else blank).append(visit)
            continue
        for transaction in transactions:
            mailing = _one(found, transaction, names)
            if blank:
                mailing.attempts[:0], blank = blank, []
            if visit not in mailing.attempts:
                mailing.attempts.append(visit)
            _note(mailing, transaction, names)
    if blank:
        found.append(Mailing(attempts=blank))
    return found


def _one(found: list[Mailing], transaction: Transaction, names: Names) -> Mailing:
    """The mailing a transaction belongs to; a new one where there is none."""
    sender = names.address(transaction.sender)
    recipients = _recipients(transaction, names)
    for mailing in found:
        if mailing.sender != sender:
            continue
        if transaction.message_id and mailing.message_id:
            if transaction.message_id == mailing.message_id:
                return mailing
        elif mailing.waiting and set(recipients) & {*mailing.waiting, *([] if recipients else [""])}:
            return mailing
    mailing = Mailing(sender)
    found.append(mailing)
    return mailing


def _note(mailing: Mailing, transaction: Transaction, names: Names) -> None:
    mailing.transactions.append(transaction)
    mailing.message_id = mailing.message_id or transaction.message_id
    for to in transaction.recipients:
        if not to.address or to.address == UNSEEN:
            continue
        address = names.address(to.address)
        if address not in mailing.recipients:
            mailing.recipients.append(address)
        refused_for_good = to.decisive is not None and to.decisive.code.startswith("5")
        if to.accepted or refused_for_good:
            mailing.waiting.discard(address)
        else:
            mailing.waiting.add(address)


def _recipients(transaction: Transaction, names: Names) -> list[str]:
    return [names.address(to.address) for to in transaction.recipients if to.address and to.address != UNSEEN]


def _announced(parameters: str) -> int:
    for word in parameters.split():
        if word.upper().startswith("SIZE=") and word[5:].isdigit():
            return int(word[5:])
    return 0


def pauses(found: Sequence[Mailing], busy: Sequence[tuple[int, int]]) -> list[int]:
    """The times between attempts of a client, as its most patient message shows them.

    ``busy`` are times at which it asked or spoke: where there is one message only, these tell of attempts, too, that
    came to no connection.
    """
    shown = max((mailing.pauses_ns for mailing in found), key=len, default=[])
    if len(found) > 1:
        return shown
    between, end = list[int](), -1
    for start, until in sorted(busy):
        if 0 <= end < start - _SAME_RUN_NS:
            between.append(roughly(start - end))
        end = max(end, until)
    return max(shown, between, key=len)
