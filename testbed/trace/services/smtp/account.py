"""What became of each message, told across connections."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from testbed.durations import MINUTE, SECOND, span
from testbed.plural import count
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Recipient, Transaction
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.smtp.leaving import left_before

_GIVES_UP = frozenset(("RSET", "QUIT"))


class _Try(Struct, frozen=True):
    """One attempt to hand a message over for one recipient.  ``left`` tells that the client ended it by a command."""

    connection: Connection
    transaction: Transaction
    recipient: Recipient
    left: bool = False

    @property
    def reply(self) -> str:
        decisive = self.recipient.decisive
        if decisive is not None and not decisive.whole:
            return "a reply that broke off"
        return "no reply" if decisive is None else decisive.status or "no SMTP reply"

    @property
    def frame(self) -> int:
        decisive, message = self.recipient.decisive, self.transaction.message
        if decisive is not None:
            return decisive.frames[-1]
        return message.frames[-1] if message is not None and message.frames else self.transaction.frames[-1]

    @property
    def unsent(self) -> bool:
        """Whether no message was sent, or too little of one, so that nobody knows which it would have been."""
        transaction, message = self.transaction, self.transaction.message
        if message is not None and (message.unseen or transaction.letter.holed):
            return False  # one was, and the capture does not show which
        return message is None or not (transaction.whole or transaction.message_id)

    @property
    def failed(self) -> bool:
        """Whether it is known that it was not taken, and was not given up either."""
        recipient = self.recipient
        return not recipient.accepted and not self.given_up and (recipient.refused or not recipient.unseen)

    @property
    def given_up(self) -> bool:
        """Whether the client itself put an end to it, by RSET or QUIT."""
        untold = self.recipient.reply is not None and not self.recipient.refused and self.recipient.final is None
        return self.unsent and untold and self.left

    @property
    def heard(self) -> bool:
        """Whether the client has heard that the message was taken."""
        message = self.transaction.message
        return self.recipient.accepted and message is not None and not left_before(self.connection, message)


def account_of_messages(connections: Iterable[Connection]) -> Iterator[Finding]:
    """For every recipient that was tried more than once between the same hosts: how often, why, and how it ended."""
    tries: dict[tuple[str, str, str, str], list[_Try]] = defaultdict(list)
    for connection in connections:
        left = _left(connection)
        for transaction in connection.transactions if connection.unheard is None else ():
            for recipient in transaction.recipients:
                key = (connection.client.label, connection.server.label, transaction.sender, recipient.address)
                tries[key].append(_Try(connection, transaction, recipient, left))
    unopened = Counter(
        (c.client.label, c.server.label)
        for c in connections
        if c.opening.handshake not in (Handshake.COMPLETE, Handshake.UNSEEN)
    )
    holed = {(c.client.label, c.server.label): c.last_frame for c in connections if _is_holed(c)}
    for (client, server, _, address), all_tries in tries.items():
        failed = [one for one in all_tries if one.failed]
        known = set(map(id, failed))
        same = _of_the_same(all_tries, failed) if failed else ()
        found = [one for one in same if id(one) in known or one.frame > failed[0].frame]
        if failed and len(found) + unopened[client, server] >= 2:
            unknown = holed.get((client, server), 0) > failed[0].frame
            yield _account(client, server, address, found, failed, unknown=unknown)


def _is_holed(connection: Connection) -> bool:
    """Whether the capture does not hold all that was said on a connection."""
    transport = connection.transport
    return bool(transport.gaps) or connection.unheard is not None or connection.opening.handshake is Handshake.UNSEEN


def _left(connection: Connection) -> bool:
    said = {exchange.command.verb for exchange in connection.exchanges if exchange.command is not None}
    closing = any(exchange.reply is not None and exchange.reply.code == "421" for exchange in connection.exchanges)
    return not closing and bool(said & _GIVES_UP)


def _of_the_same(tries: Iterable[_Try], failed: list[_Try]) -> Iterator[_Try]:
    """The tries that may be of a message that failed.

    One that failed before the message was sent may be of any; messages without a Message-ID are of no other.
    """
    unsent = any(one.unsent for one in failed)
    known = {one.transaction.message_id for one in failed} - {""}
    these = set(map(id, failed))
    return (one for one in tries if id(one) in these or unsent or one.transaction.message_id in known)


def _account(
    client: str, server: str, address: str, found: list[_Try], failed: list[_Try], *, unknown: bool
) -> Finding:
    replies = list(dict.fromkeys(one.reply for one in failed))
    taken = [one for one in found if one.recipient.accepted and one.frame > failed[0].frame]
    number = len(failed)
    text = f"{client} tried {count(number + len(taken), 'time')} to hand mail for {address} to {server}"
    tries = "the try" if number == 1 and not taken else f"all {number}" if not taken else count(number, "try", "tries")
    text += f"; {tries} failed ({', '.join(replies[:4])})"
    if taken and all(one.unsent for one in failed):
        after = _after(failed[0], taken[0])
        text += f", and mail for this recipient, perhaps the same message, was taken {after} after the first try"
    elif taken:
        text += f", and it was taken {_after(failed[0], taken[0])} after the first try"
    elif unknown:
        text += "; it was not taken in this capture, which lacks a part of a later connection"
    else:
        text += "; it was not taken in this capture"
    frames = tuple(one.frame for one in (*failed, *taken[:1]))
    connections = tuple(one.connection.number for one in (*failed, *taken[:1]))
    severity = Severity.INFO if taken or unknown else Severity.WARNING
    return Finding("delivery-retried", severity, text, frames, "RFC 5321 §4.5.4.1", connections)


def _after(first: _Try, taken: _Try) -> str:
    waited = taken.connection.end_ns - first.connection.start_ns
    return f"{waited / SECOND:.1f} s" if waited < MINUTE else span(waited)


def duplicates(connections: Iterable[Connection]) -> Iterator[Finding]:
    """A message handed to one server twice for the same recipient, at least once without a reply (RFC 1047)."""
    sent: dict[tuple[str, str, str], list[_Try]] = defaultdict(list)
    for connection in connections:
        for transaction in connection.transactions:
            message = transaction.message
            if not transaction.message_id or message is None or message.command is None or not message.command.whole:
                continue
            for recipient in transaction.recipients:
                if recipient.accepted or recipient.in_doubt:
                    key = (connection.server.label, transaction.message_id, recipient.address)
                    sent[key].append(_Try(connection, transaction, recipient))
    for (server, message_id, address), found in sent.items():
        if len(found) < 2 or all(one.heard for one in found):
            continue
        text = f"{message_id} was sent to {server} {len(found)} times for {address}: "
        text += "the mailbox may hold it more than once"
        frames = tuple(one.frame for one in found)
        numbers = tuple(one.connection.number for one in found)
        yield Finding("duplicate-possible", Severity.WARNING, text, frames, "RFC 1047", numbers)
