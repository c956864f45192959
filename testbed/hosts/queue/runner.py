"""The queue at work: attempts, retries on schedule, bounces (RFC 5321 §4.5.4, §6.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import groupby
from typing import Protocol

from msgspec.structs import replace

from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.queue.next_hops import NextHops
from testbed.hosts.queue.notifications import Notifier
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.routing import Hop, Route, Router
from testbed.hosts.queue.settling import Settlement, Taker
from testbed.hosts.queue.store import Queue, QueuedMessage, QueuedRecipient
from testbed.hosts.queue.transport_policies import TransportPolicies
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession
from testbed.hosts.sending.demanded_tls import Demanded
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.protocols.header import header_field
from testbed.scenario.security import TlsPolicy

_TOGETHER_S = 1.0

Batch = tuple[QueuedMessage, str, list[QueuedRecipient]]


class OwnMail(Protocol):
    """The mailboxes of the host itself, as far as its queue delivers to them."""

    def serves(self, recipient: str) -> bool:
        """Whether the recipient's domain is this host's."""

    def refusal(self, recipient: str) -> str:
        """Why a recipient cannot be accepted, as a reply to RCPT, or ``""``."""

    def has_room(self, recipient: str, octets: int) -> bool:
        """Whether a message of that size fits the recipient's mailbox."""

    def store(self, recipient: str, message: bytes, *, sender: str) -> None:
        """Put a message into the recipient's mailbox."""


class QueueRun:
    """Attempts begun together.

    Those that end together (within a second) end at the same time, so that what they put off is tried together again.
    Else a millisecond more or less would decide whether the next run takes all of it, or one message first and the
    others when that has waited for its timeouts.
    """

    def __init__(self) -> None:
        self._ended = float("-inf")

    def ended(self, now: float) -> float:
        """When the attempt that ends now did."""
        if now - self._ended > _TOGETHER_S:
            self._ended = now
        return self._ended


class QueueRunner:
    """Works through one relay's queue, a batch per message and domain."""

    def __init__(
        self,
        site: Site,
        queue: Queue,
        own_mail: OwnMail,
        router: Router,
        schedule: RetrySchedule,
        policies: TransportPolicies | None = None,
        next_hops: NextHops | None = None,
        signed: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """``signed`` puts the host's signature on a message; None for a host that has none."""
        self._site = site
        self._queue = queue
        self._own_mail = own_mail
        self._router = router
        self._policies = policies
        self._next_hops = next_hops or NextHops(site)
        self._signed = signed
        self.notifier = Notifier(site, self.send)
        self._settlement = Settlement(site, queue, schedule, self.notifier)
        self._in_progress: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()

    def enqueue(self, envelope: Envelope, content: bytes) -> QueuedMessage:
        """Store a message durably and attempt it as soon as possible."""
        message_id = header_field(content, "Message-ID")
        message = self._queue.add(envelope, content, message_id, self._site.now())
        self._wake()
        return message

    def send(self, envelope: Envelope, content: bytes) -> QueuedMessage:
        """Queue what the host writes itself, a notification or a report, under its signature where it has one."""
        return self.enqueue(envelope, content if self._signed is None else self._signed(content))

    @property
    def next_due(self) -> float | None:
        """When mail of the queue is to be tried next, in the seconds of its site; None when it holds none."""
        return self._queue.next_due()

    @property
    def owed(self) -> list[QueuedRecipient]:
        """The recipients it holds, those first that are due first."""
        return sorted(self._queue.recipients(), key=lambda owed: owed.due)

    async def settled(self) -> None:
        """Return when no attempt is in progress and none is due."""
        await self._idle.wait()

    def inventory(self) -> None:
        """Log every recipient the queue still owes."""
        for owed in self._queue.recipients():
            self._site.log(
                events.HoldsQueue(
                    queue_id=owed.message.queue_id,
                    message_id=owed.message.message_id,
                    recipient=owed.address,
                    attempts=owed.attempts,
                ),
                f"{owed.message.queue_id} is still queued for <{owed.address}> after {owed.attempts} attempts",
            )

    async def close(self) -> None:
        """Take leave of the next hops with whom there are connections still."""
        await self._next_hops.close()

    def crash(self) -> None:
        """Leave every attempt where it stands, at once; before Python 3.12 wait_for may lose a cancellation."""
        going_on = [attempt for attempt in self._in_progress.values() if not attempt.done()]
        for attempt in going_on:
            attempt.cancel()
        if going_on:
            asyncio.get_running_loop().call_soon(self.crash)

    async def run(self) -> None:
        """Attempt whatever is due, for ever; cancelling it cancels the attempts."""
        try:
            while True:
                self._changed.clear()
                queue_run = QueueRun()
                for message, domain, owed in self._due():
                    attempt = asyncio.create_task(self._attempt(message, domain, owed, queue_run))
                    self._in_progress[message.id, domain] = attempt
                if not self._in_progress:
                    self._idle.set()
                await self._sleep_until_due()
        finally:
            attempts = list(self._in_progress.values())
            for attempt in attempts:
                attempt.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)

    def _wake(self) -> None:
        self._idle.clear()
        self._changed.set()

    async def _sleep_until_due(self) -> None:
        due = None if self._in_progress else self._queue.next_due()
        timeout = None if due is None else max(0.0, due - self._site.now())
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            self._idle.clear()

    def _due(self) -> list[Batch]:
        def batch(owed: QueuedRecipient) -> tuple[int, str]:
            return owed.message.id, domain_of(owed.address)

        due = sorted(self._queue.recipients(self._site.now() + 1e-6), key=batch)
        grouped = ((key, list(group)) for key, group in groupby(due, key=batch))
        return [(group[0].message, key[1], group) for key, group in grouped if key not in self._in_progress]

    # -- one attempt ----------------------------------------------------------------------------------

    async def _attempt(
        self, message: QueuedMessage, domain: str, owed: list[QueuedRecipient], queue_run: QueueRun
    ) -> None:
        session: DeliverySession | None = None
        try:
            async with self._next_hops.turn(domain):
                if self._own_mail.serves(owed[0].address):
                    results, taker = self._deliver_locally(message, owed), Taker()
                else:
                    results, taker, session = await self._deliver(message, domain, owed)
                self._settlement.settle(message, owed, results, taker, queue_run.ended(self._site.now()))
                # The queue is told before QUIT: a server slow to say goodbye must not cause a duplicate.
                if session is not None:
                    await self._next_hops.done(session)
        except Exception as error:
            # It stays in progress: trying again what crashed would crash again, for ever.
            asyncio.get_running_loop().call_exception_handler({"message": "a delivery crashed", "exception": error})
        else:
            del self._in_progress[message.id, domain]
            self._wake()

    def _deliver_locally(self, message: QueuedMessage, owed: list[QueuedRecipient]) -> dict[str, DeliveryResult]:
        content = self._queue.content(message)
        results = {}
        for recipient in owed:
            refusal = self._own_mail.refusal(recipient.address)
            if not refusal and not self._own_mail.has_room(recipient.address, len(content)):
                refusal = "452 4.2.2 Mailbox full"
            if refusal:
                code, status, text = refusal.split(" ", 2)
                results[recipient.address] = DeliveryResult(int(code), status, text)
            else:
                self._own_mail.store(recipient.address, content, sender=message.sender)
                results[recipient.address] = DeliveryResult(250, "2.0.0", "stored here")
        return results

    async def _deliver(
        self, message: QueuedMessage, domain: str, owed: list[QueuedRecipient]
    ) -> tuple[dict[str, DeliveryResult], Taker, DeliverySession | None]:
        recipients = [recipient.address for recipient in owed]
        self._site.log(
            events.Attempt(
                queue_id=message.queue_id,
                message_id=message.message_id,
                recipients=tuple(recipients),
                domain=domain,
                attempt=owed[0].attempts + 1,
            ),
            f"{message.queue_id}: attempt {owed[0].attempts + 1} to deliver to {', '.join(recipients)}",
        )
        route = await self._router.route(domain)
        if not route.hops:
            self._site.log(events.Route(domain=domain, status=route.status), f"no route: {route.reason}")
            return dict.fromkeys(recipients, DeliveryResult(route.code, route.status, route.reason)), Taker(), None
        hosts = tuple(hop.host for hop in route.hops)
        self._site.log(events.Route(domain=domain, hosts=hosts), f"mail for {domain} goes to {' '.join(hosts)}")
        to = tuple(EnvelopeRecipient(one.address, one.parameters) for one in owed)
        sender = message.sender if message.return_path is None else message.return_path
        return await self._hand_over(Envelope(sender, to, message.parameters), message, route)

    async def _hand_over(
        self, envelope: Envelope, message: QueuedMessage, route: Route
    ) -> tuple[dict[str, DeliveryResult], Taker, DeliverySession | None]:
        """Send to the first hop that takes the connection, or has one still.

        One that turns out to be lost when it is used again is no failure, as nothing was promised on it: whoever it
        would have been for is tried at once, over another.
        """
        content = self._queue.content(message)
        policies = self._policies
        wish: TlsPolicy = "none" if policies is None else policies.wish(domain_of(envelope.addresses[0]))

        async def demanded(hop: Hop) -> Demanded | None:
            return None if policies is None else await policies.demanded(envelope, content, route, hop)

        session, hop, failures = await self._next_hops.open(route, wish, demanded)
        if session is None:
            temporary = [failure for failure in failures if not failure.permanent]
            return dict.fromkeys(envelope.addresses, (temporary or failures)[-1]), Taker(hop.host), None
        used_before = session.messages > 0
        results = await session.send(envelope, content)
        lost = tuple(to for to in envelope.recipients if results[to.address].lost)
        if lost and used_before:
            self._next_hops.give_up(session, results[lost[0].address])
            again, taker, session = await self._hand_over(replace(envelope, recipients=lost), message, route)
            return results | again, taker, session
        return results, Taker(hop.host, "DSN" in session.offer.extensions), session
