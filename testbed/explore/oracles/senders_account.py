"""What senders log of their attempts, against what the inspector makes of their packets: the two must agree.

A relay or a user agent of the lab's own knows what it has heard.  So a 250 that it notes is in the account of its
connections, and a refusal with that very status; where it notes no reply, the account shows none that came to it; and
there is no try in the account of which the log knows nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from testbed.expect.conservation.hearing import Hearing
from testbed.expect.observed import programs
from testbed.expect.rules.settings import meddled_with
from testbed.expect.sealed import ends, sealed
from testbed.explore.ran import Breach
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.protocols.status import split_enhanced
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.exchange import Recipient, Transaction
from testbed.trace.model.log import AnyEntry, of
from testbed.trace.services.service import Mail
from testbed.trace.services.table import service_of

WHAT = "the inspector's account agrees with what senders log"
_NOT_CONNECTED, _LOST = "4.4.1", "4.4.2"
_FOUND_OUT = ("5.3.4", "5.6", "5.4.6")  # by the relay itself: size, content, loops
_EXPIRED = "4.4.7"
_CLOSING = "421"
_EVER = 1 << 62

_Batch = tuple[str, str, str]  # a host, the name of a message in its queue, and a domain


class _Said(Struct, frozen=True):
    """What a host notes of a recipient after an attempt: the code of a reply, and its enhanced code or RFC 3463's.

    ``since`` and ``until`` are the frames of the log between which the attempt was made.
    """

    host: str
    message_id: str
    recipient: str
    code: str
    enhanced: str
    since: int
    until: int

    @property
    def status(self) -> str:
        return f"{self.code} {self.enhanced}".strip()


class _Try(Struct, frozen=True):
    """A recipient of a transaction, as the account has it."""

    connection: Connection
    transaction: Transaction
    recipient: Recipient

    @property
    def status(self) -> str:
        reply = self.recipient.decisive
        return reply.status if reply is not None and reply.whole else ""

    @property
    def frames(self) -> tuple[int, ...]:
        reply = self.recipient.decisive
        return reply.frames[-1:] if reply is not None else self.transaction.frames[:1]


def senders_account(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """Each contradiction between the log of a sender of the lab's own and the account of its connections.

    Who is made to break off by a fault or by a step is passed over, and those of whom TLS hides something.
    """
    hidden = programs(analysis) | ends(sealed(analysis))
    asked = {host for host in scenario.hosts if host not in hidden and not meddled_with(scenario, host)}
    account = _Account(analysis)
    attempts = _Attempts(analysis.log)
    for said in (*attempts.outcomes, *_of_agents(analysis.log)):
        if said.host in asked:
            yield from account.contradictions(said)
    for entry in of(analysis.log, events.HopFailed):
        if entry.host in asked:
            yield from account.at_hop(entry.host, entry.event, entry.frame)
    for one in account.tries():
        host, address = one.connection.client.label, one.recipient.address.lower()
        if host in asked & attempts.hosts and not attempts.made(host, address, one.transaction.frames[0]):
            why = f"{host} tried {address} at {one.connection.server.label}, and logs no attempt then"
            yield Breach(WHAT, why, one.frames)


class _Attempts:
    """The attempts that relays log, and what they note after each."""

    def __init__(self, log: tuple[AnyEntry, ...]) -> None:
        self.hosts: set[str] = set()
        self.outcomes: list[_Said] = []
        self._made: dict[tuple[str, str], list[list[int]]] = defaultdict(list)  # [since, until] by host and recipient
        going_on: dict[_Batch, int] = {}
        unrouted: set[_Batch] = set()
        for entry in log:
            event = entry.event
            if isinstance(event, events.Attempt):
                self.hosts.add(entry.host)
                batch = entry.host, event.queue_id, event.domain.lower()
                going_on[batch] = entry.frame
                unrouted.discard(batch)
                for address in event.recipients:
                    self._made[entry.host, address.lower()].append([entry.frame, _EVER])
            elif isinstance(event, events.Route) and not event.hosts:
                unrouted |= {one for one in going_on if (one[0], one[2]) == (entry.host, event.domain.lower())}
            elif isinstance(event, events.Crashed):
                going_on = {one: frame for one, frame in going_on.items() if one[0] != entry.host}
                self._end(entry.frame, entry.host)
            elif isinstance(event, events.Relayed | events.Deferred | events.Bounced | events.Discarded):
                batch = entry.host, event.queue_id, domain_of(event.recipient)
                self._end(entry.frame, entry.host, event.recipient.lower())
                if batch in going_on and batch not in unrouted:
                    code, enhanced = _split(event.status)
                    place = entry.host, event.message_id, event.recipient.lower()
                    self.outcomes.append(_Said(*place, code, enhanced, going_on[batch], entry.frame))

    def made(self, host: str, address: str, frame: int) -> bool:
        """Whether a host was at it then."""
        return any(since < frame < until for since, until in self._made[host, address])

    def _end(self, frame: int, host: str, address: str = "") -> None:
        for (by, to), spans in self._made.items():
            if by == host and address in ("", to):
                spans[-1][1] = min(spans[-1][1], frame)


def _of_agents(log: tuple[AnyEntry, ...]) -> Iterator[_Said]:
    """What user agents note, who try one message after the other."""
    last: dict[str, tuple[str, int, int]] = {}  # by host: whose entry was the last, its frame, and that before its own
    step = 0
    for entry in log:
        event = entry.event
        if isinstance(event, events.Step):
            step = entry.frame
        if not isinstance(event, events.Submitted | events.SubmissionFailed | events.KeptInOutbox):
            continue
        message_id, frame, before = last.get(entry.host, ("", 0, 0))
        since = before if message_id == event.message_id else frame
        last[entry.host] = event.message_id, entry.frame, since
        if isinstance(event, events.KeptInOutbox):
            last[entry.host] = "", entry.frame, entry.frame
            continue
        status = event.status if isinstance(event, events.SubmissionFailed) else "2"
        for recipient in event.recipients:
            place = entry.host, event.message_id, recipient.lower()
            code, enhanced = _split(status)
            yield _Said(*place, code, enhanced, max(since, step if step < entry.frame else 0), entry.frame)


class _Account:
    """The connections on which hosts hand mail over."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._of: dict[str, list[Connection]] = defaultdict(list)
        for connection in analysis.connections:
            if service_of(connection.service).mail is Mail.PUSHED:
                self._of[connection.client.label].append(connection)
        self._hearings: dict[int, Hearing] = {}

    def tries(self) -> Iterator[_Try]:
        """All there are."""
        for host in list(self._of):
            yield from self._tries(host)

    def contradictions(self, said: _Said) -> Iterator[Breach]:
        """What the account says otherwise of one recipient in one attempt."""
        mine = [
            one
            for one in self._tries(said.host)
            if one.recipient.address.lower() == said.recipient
            and said.since < one.transaction.frames[0] < said.until
            and one.transaction.message_id in ("", said.message_id)
        ]
        noted = f"{said.host} notes '{said.status}' for {said.recipient}"
        if said.code[:1] == "2" and not any(one.recipient.accepted for one in mine):
            yield Breach(WHAT, f"{noted}, and no server has taken it by the account", (said.until,))
        elif len(said.code) == 3 and said.code[:1] != "2" and said.status not in self._statuses(said):
            yield Breach(WHAT, f"{noted}, and no server has said so by the account", (said.until,))
        last = mine[-1] if mine else None
        if last is None or not self._heard(last) or said.code == "2":
            return
        if not said.code and last.status.startswith(_CLOSING):
            agrees = True  # it was said to another recipient, and ended the connection for all of them
        elif not said.code and said.enhanced[:1] == "5":  # a bounce tells the class alone
            agrees = last.status[:1] == "5"
        elif not said.code and said.enhanced == _EXPIRED:
            agrees = last.status[:1] == "4"
        else:
            agrees = last.status == said.status
        if not agrees and not said.enhanced.startswith(_FOUND_OUT):
            why = f"{noted}, and by the account {last.connection.server.label} said '{last.status}'"
            yield Breach(WHAT, why, (*last.frames, said.until))

    def at_hop(self, host: str, failed: events.HopFailed, frame: int) -> Iterator[Breach]:
        """The same of an address that could not be used at all."""
        code, enhanced = _split(failed.status)
        tried = [one for one in self._of[host] if one.server.address == failed.address and one.first_frame < frame]
        noted = f"{host} notes '{failed.status}' of {failed.next_hop}"
        if not tried and enhanced in (_NOT_CONNECTED, _LOST):
            yield Breach(WHAT, f"{noted}, and never connects to it by the account", (frame,))
        for last in tried[-1:]:
            complete = last.opening.handshake is Handshake.COMPLETE
            said = {reply.status for exchange in last.exchanges for reply in exchange.replies}
            if (
                (enhanced == _NOT_CONNECTED and not code and complete)
                or (enhanced == _LOST and not code and not complete)
                or (code and f"{code} {enhanced}".strip() not in said)
            ):
                why = f"{noted}, and by the account the handshake was {last.opening.handshake}, "
                yield Breach(
                    WHAT, f"{why}and it said {', '.join(sorted(said)) or 'nothing'}", (last.first_frame, frame)
                )

    def _tries(self, host: str) -> Iterator[_Try]:
        for connection in self._of[host]:
            for transaction in connection.transactions:
                for recipient in transaction.recipients:
                    yield _Try(connection, transaction, recipient)

    def _statuses(self, said: _Said) -> set[str]:
        """What servers have said to the host in an attempt."""
        return {
            reply.status
            for connection in self._of[said.host]
            for exchange in connection.exchanges
            for reply in exchange.replies
            if reply.frames and said.since < reply.frames[-1] < said.until
        }

    def _heard(self, one: _Try) -> bool:
        reply, number = one.recipient.decisive, one.connection.number
        if reply is None or not reply.whole or reply.code[:1] not in ("2", "4", "5"):
            return False
        if number not in self._hearings:
            self._hearings[number] = Hearing(self._analysis, one.connection)
        return self._hearings[number].heard(reply)


def _split(status: str) -> tuple[str, str]:
    """The code of a reply, ``""`` where there was none, and the enhanced code."""
    word, _, rest = status.partition(" ")
    code = word if word.isdecimal() else ""
    return code, split_enhanced(rest if code else status)[0]
