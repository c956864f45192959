"""Who sent the messages of a capture: its transactions judged, one after the other, within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from testbed.authentication.message import parse
from testbed.plural import count
from testbed.protocols.refusals import cause_of
from testbed.trace.authentication.answers import Answers, Told, told_on
from testbed.trace.authentication.hops import claims_in, key_of, passages_in
from testbed.trace.authentication.judged import Account, Judged
from testbed.trace.authentication.judging import Offered, checks_of
from testbed.trace.journeys import Leg, journeys, legs_of
from testbed.trace.mail_objects import MailObject, objects_of
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import UNSEEN, Transaction
from testbed.trace.services.lmtp.service import LMTP
from testbed.trace.services.smtp.service import SMTP
from testbed.trace.understanding import Understanding

MOST_JUDGED = 200
_MOST_OCTETS = 256 << 20  # of messages, times their signatures
_MOST_KEPT = 64 << 20  # of messages, to be compared with those of another hop
_MOST_FLOWS = 5_000  # of name servers
_DNS_PORT = 53
_UNNAMED, _LISTED = "no-reverse-dns", ("block-listed", "block-list-unusable")
_CAUSES = frozenset(("spf-failed", "dkim-failed", "dmarc-failed", "sender-unauthenticated", _UNNAMED, *_LISTED))
_SIGNED = ("dkim-signature", "arc-seal")


def account_of(understanding: Understanding, connections: Iterable[Connection], path: str, answers: Answers) -> Account:
    """Judge the mail transactions of some connections; the first :data:`MOST_JUDGED`, and only so many octets."""
    work = _Work(understanding, answers)
    legs: list[Leg] = []
    for connection in connections:
        own = list(legs_of(connection, path))
        legs += own
        if connection.service in (*SMTP.names, *LMTP.names):
            work.judge(connection, own)
    found = journeys(legs)
    return Account(
        tuple(work.judged),
        tuple(passage for journey in found for passage in passages_in(journey, work.by_leg, work.octets)),
        tuple(claim for journey in found for claim in claims_in(journey, work.by_leg)),
        work.omitted(),
    )


def answers_in(understanding: Understanding, connections: Iterable[Connection] | None) -> Iterator[Told]:
    """The answers of name servers: on some connections, or on all flows of their port, up to a bound."""
    if connections is not None:
        for connection in connections:
            yield from told_on(connection)
        return
    flows = understanding.flows
    first = flows.order[flows.start]
    ports = flows.table.source_port[first], flows.table.destination_port[first]
    for index in np.flatnonzero((ports[0] == _DNS_PORT) | (ports[1] == _DNS_PORT))[:_MOST_FLOWS].tolist():
        yield from told_on(understanding.at(index))


class _Work:
    """What has been judged so far, and what may still be."""

    def __init__(self, understanding: Understanding, answers: Answers) -> None:
        self.judged: list[Judged] = []
        self.by_leg: dict[object, Judged] = {}
        self.octets: dict[object, bytes] = {}
        self._understanding = understanding
        self._answers = answers
        self._left, self._kept, self._passed_over = _MOST_OCTETS, 0, 0

    def omitted(self) -> str:
        """What was not judged, and how to have it judged."""
        if not self._passed_over:
            return ""
        which = count(self._passed_over, "message")
        return (
            f"the senders of {which} more are not judged; choose connections with --filter, and theirs are judged first"
        )

    def judge(self, connection: Connection, legs: list[Leg]) -> None:
        """All transactions of a connection."""
        objects = objects_of(connection, self._understanding, self._understanding.decrypted.flows)
        for place, (transaction, leg) in enumerate(zip(connection.transactions, legs, strict=False)):
            whole = transaction.whole and bool(transaction.command)
            if not whole and _cause(transaction) not in _CAUSES:
                continue
            if len(self.judged) >= MOST_JUDGED or self._left <= 0:
                self._passed_over += 1
                continue
            octets = _next(objects, transaction) if whole else None
            if whole and octets is None:
                continue
            self._one(connection, place, transaction, leg, octets)

    def _one(
        self, connection: Connection, place: int, transaction: Transaction, leg: Leg, octets: bytes | None
    ) -> None:
        signatures = 0
        if octets is not None:
            names = [field.name for field in parse(octets).fields]
            signatures = min(sum(name in _SIGNED for name in names), 50)
            self._left -= len(octets) * (1 + signatures)
        judged = _judged(connection, place, transaction, octets, self._answers)
        self.by_leg[key_of(leg)] = judged
        if octets is not None and signatures and self._kept + len(octets) <= _MOST_KEPT:
            self._kept += len(octets)
            self.octets[key_of(leg)] = octets
        if octets is not None or any(check.known for check in judged.checks):
            self.judged.append(judged)


def _next(objects: Iterator[MailObject], transaction: Transaction) -> bytes | None:
    """The octets of a transaction's message: messages end in the order of their transactions."""
    carried = transaction.message.command if transaction.message is not None else None
    for one in objects if carried is not None else ():
        if carried is not None and one.frames[-1:] == carried.frames[-1:]:
            return one.octets if one.complete else None
    return None


def _judged(
    connection: Connection, place: int, transaction: Transaction, octets: bytes | None, answers: Answers
) -> Judged:
    cause, hidden = _cause(transaction), _hidden(connection)
    replies = [to.decisive for to in transaction.recipients if to.decisive is not None]
    end_ns = max([reply.end_ns for reply in replies], default=connection.end_ns)
    offered = Offered(
        client=connection.client.address,
        server=connection.server.address,
        helo=_hello(connection, transaction),
        sender=None if transaction.sender == UNSEEN else transaction.sender,
        octets=octets,
        begin_ns=connection.start_ns,
        end_ns=end_ns,
        inside=_is_inside(connection),
        hidden=hidden,
        named=cause == _UNNAMED,
        listed=cause in _LISTED,
    )
    checks = checks_of(offered, answers)
    said = " ".join(reply.text for reply in replies).lower()
    carried = transaction.message.command if transaction.message is not None else None
    return Judged(
        connection=connection.number,
        transaction=place,
        client=connection.client,
        server=connection.server,
        message_id=transaction.message_id,
        checks=checks,
        frames=carried.frames if carried is not None and octets is not None else transaction.frames[:1],
        time_ns=end_ns,
        whole=octets is not None,
        statuses=tuple(dict.fromkeys(reply.status for reply in replies)),
        taken=any(to.accepted for to in transaction.recipients),
        cause=cause,
        reply_frames=tuple(dict.fromkeys(frame for reply in replies for frame in reply.frames)),
        lists=tuple(one.domain for one in checks if one.method == "dnsbl" and one.domain and one.domain in said),
        hidden=hidden,
    )


def _hello(connection: Connection, transaction: Transaction) -> str | None:
    """The name the client gave itself last before a transaction."""
    first = transaction.frames[:1]
    name: str | None = None
    for exchange in connection.exchanges:
        if exchange.command is None or (first and exchange.command.frames[:1] > first):
            continue
        if exchange.command.verb in ("EHLO", "HELO", "LHLO"):
            name = exchange.command.argument.strip()
    return name


def _is_inside(connection: Connection) -> bool:
    """Whether it is a submission, a delivery at home, or of a client that logged in: nobody asks SPF of those."""
    return connection.service != "smtp" or any(
        exchange.command is not None
        and exchange.command.verb == "AUTH"
        and exchange.reply is not None
        and exchange.reply.code == "235"
        for exchange in connection.exchanges
    )


def _hidden(connection: Connection) -> str:
    """Why the client's address is not that of who sent the message, as the rest of a sentence; ``""`` where it is."""
    for exchange in connection.exchanges:
        verb = exchange.command.verb if exchange.command is not None else ""
        if verb in ("XCLIENT", "XFORWARD"):
            return f"the client speaks for another ({verb})"
    if any(remark.code in ("proxy-header", "tunnel") for remark in connection.remarks):
        return "a proxy stands between"
    return ""


def _cause(transaction: Transaction) -> str:
    """Why the server refused, as its words and codes tell; ``""`` where it did not refuse."""
    for to in transaction.recipients:
        reply = to.decisive
        if reply is not None and reply.code[:1] in ("4", "5"):
            cause = cause_of(reply.code, reply.enhanced, reply.text)
            return cause.name if cause is not None else ""
    return ""
