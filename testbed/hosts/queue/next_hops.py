"""Sessions with next hops: opened along a route, and kept open for the next message where that is wanted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from testbed.durations import SECOND
from testbed.hosts.queue.routing import Hop, Route
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession, HopFailed
from testbed.hosts.sending.demanded_tls import Demanded, log_decision, refused
from testbed.hosts.sending.wanted_security import Security
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.scenario.next_hops import ReuseSpec
from testbed.scenario.security import TlsPolicy
from testbed.tasks import HeldTasks
from testbed.transport_security.decision import before_connecting

MAX_SESSIONS = 20  # delivering at the same time

Place = tuple[Hop, str, TlsPolicy, Demanded | None]
"""A hop, one of its addresses, and what is wanted and demanded of TLS there."""

DemandedOf = Callable[[Hop], Awaitable[Demanded | None]]


async def nothing_demanded(hop: Hop) -> None:
    """What is demanded where nobody asks what a domain publishes."""


class NextHops:
    """The sessions of one relay.

    With ``reuse`` mail for a domain goes over one connection at a time, which then rests for a while; without, each
    message has a connection of its own.  ``pipelining`` is that of
    :class:`testbed.hosts.sending.delivery.DeliverySession`.
    """

    def __init__(self, site: Site, reuse: ReuseSpec | None = None, *, pipelining: bool | None = None) -> None:
        self._site = site
        self._reuse = reuse
        self._pipelining = pipelining
        self._sessions = asyncio.Semaphore(MAX_SESSIONS)
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._places: dict[DeliverySession, Place] = {}  # of sessions that are at work
        self._resting: dict[Place, tuple[DeliverySession, asyncio.TimerHandle]] = {}
        self._farewells = HeldTasks()

    @asynccontextmanager
    async def turn(self, domain: str) -> AsyncIterator[None]:
        """Wait until mail for a domain may be sent."""
        if self._reuse is None:
            async with self._sessions:
                yield
        else:
            async with self._turns[domain], self._sessions:
                yield

    async def open(
        self, route: Route, tls: TlsPolicy, demanded_of: DemandedOf = nothing_demanded
    ) -> tuple[DeliverySession | None, Hop, list[DeliveryResult]]:
        """The first hop that greets us, or with whom there is a session already; or the failures of all of them.

        ``demanded_of`` tells what a recipient's domain, or the message, demands of TLS with a hop.
        """
        failures: list[DeliveryResult] = []
        hop = route.hops[0]
        for hop in route.hops:
            demanded = await demanded_of(hop)
            if demanded is not None and (decision := before_connecting(demanded.demand)) is not None:
                log_decision(self._site, demanded, hop.host, "", decision)
                failures.append(refused(demanded, decision).result)
                continue
            for address in hop.addresses:
                place = hop, address, tls, demanded
                session = self._rested(place)
                if session is not None:
                    return session, hop, failures
                security = Security(hop.host, tls, demanded=demanded)
                session = DeliverySession(
                    self._site, address, hop.port, security, pipelining=self._pipelining, lmtp=hop.lmtp
                )
                try:
                    await session.open()
                except HopFailed as failed:
                    failures.append(failed.result)
                    self._failed(place, failed.result, "")
                else:
                    self._places[session] = place
                    return session, hop, failures
        return None, hop, failures

    def give_up(self, session: DeliverySession, why: DeliveryResult) -> None:
        """The connection of a session was lost while it rested, or as soon as it was used again."""
        self._failed(self._places.pop(session), why, "; it is tried again at once, over another connection")
        session.drop()

    async def done(self, session: DeliverySession) -> None:
        """Let a session rest where it can and may, else say QUIT."""
        place = self._places.pop(session)
        reuse = self._reuse
        if reuse is None or session.messages == reuse.messages or place in self._resting or not await session.rest():
            await session.quit()
            return
        loop = asyncio.get_running_loop()
        self._resting[place] = session, loop.call_later(reuse.idle / SECOND, self._rested_enough, place)

    async def close(self) -> None:
        """Say QUIT wherever a session rests."""
        resting, self._resting = self._resting, {}
        for session, timer in resting.values():
            timer.cancel()
            session.wake()
            await session.quit()

    def _rested(self, place: Place) -> DeliverySession | None:
        """A session that rests there, unless its server has done with it."""
        session, timer = self._resting.pop(place, (None, None))
        if session is None or timer is None:
            return None
        timer.cancel()
        if not session.wake():
            session.drop()
            return None
        hop, address, *_ = place
        self._places[session] = place
        self._site.log(
            events.Reused(next_hop=hop.host, address=address, messages=session.messages),
            f"{hop.host} [{address}]: the connection is open still; message {session.messages + 1} goes over it",
        )
        return session

    def _rested_enough(self, place: Place) -> None:
        session, _ = self._resting.pop(place)
        session.wake()
        self._farewells.start(session.quit())

    def _failed(self, place: Place, why: DeliveryResult, consequence: str) -> None:
        hop, address, *_ = place
        self._site.log(
            events.HopFailed(next_hop=hop.host, address=address, status=str(why)),
            f"{hop.host} [{address}]: {why}{consequence}",
        )
