"""Where mail for a domain goes: MX look-up and the order of trying (RFC 5321 §5.1, RFC 7505)."""

from __future__ import annotations

import random
from collections.abc import Mapping

from msgspec import Struct

from testbed.hosts.dns.resolver import LOOP, TIMEOUT, LookupResult, Resolver
from testbed.protocols.address import is_ip
from testbed.scenario.next_hops import SMTP_PORT, RouteSpec, route_for


class Hop(Struct, frozen=True):
    """One host that may take the mail, with its addresses in the order to try; ``lmtp`` tells that LMTP is spoken.

    ``authenticated`` tells that its addresses are from a signed zone.
    """

    host: str
    preference: int
    addresses: tuple[str, ...]
    port: int = SMTP_PORT
    lmtp: bool = False
    authenticated: bool = False


class Route(Struct, frozen=True):
    """Hops in the order to try, or the reason why there are none.

    ``status`` is an RFC 3463 code: class 5 means give up at once, class 4 means try again later; ``code`` the reply
    code that goes with it where an RFC names one, else 0.  ``authenticated`` tells that the names of the hops are those
    of a signed zone, or of the configuration.
    """

    hops: tuple[Hop, ...] = ()
    status: str = ""
    reason: str = ""
    code: int = 0
    authenticated: bool = False


class Router:
    """Finds routes for one relay, known by ``own_name`` and ``own_addresses``.

    ``families`` names the address records to ask for, preferred first; ``seed`` makes the order among equal
    preferences random but repeatable.  ``routes`` are the domains that go elsewhere than MX records say.
    """

    def __init__(
        self,
        resolver: Resolver,
        own_name: str,
        own_addresses: tuple[str, ...],
        families: tuple[str, ...],
        seed: int,
        routes: Mapping[str, RouteSpec] | None = None,
    ) -> None:
        self._resolver = resolver
        self._own_name = own_name.lower()
        self._own_addresses = frozenset(own_addresses)
        self._families = families
        self._random = random.Random(seed)
        self._routes = routes or {}

    async def route(self, domain: str) -> Route:
        """The hops for a domain.

        An MX whose name is an alias is used all the same, as most relays do, although RFC 2181 §10.3 forbids it; one
        that is an address is not (RFC 5321 §5.1: an MX names a host).
        """
        given = route_for(self._routes, domain)
        if given is not None:
            return await self._by(given)
        answer = await self._resolver.ask(domain, "MX")
        refusal = _refusal(domain, answer)
        if refusal is not None:
            return refusal
        exchangers = self._exchangers(domain, answer)
        if [host for _, host in exchangers] == [""]:
            return Route(status="5.1.10", reason=f"{domain} accepts no mail (null MX, RFC 7505)", code=556)
        hops: list[Hop] = []
        unsettled: Route | None = None
        for preference, host in self._before_self(exchangers):
            addresses, unanswered, signed = await self._addresses(host)
            if self._own_addresses.intersection(addresses):  # itself under another name
                return self._looping(domain, [hop for hop in hops if hop.preference < preference], unsettled)
            if addresses:
                hops.append(Hop(host, preference, addresses, authenticated=signed))
            elif unanswered is not None:
                unsettled = _unsettled(host, unanswered)
        if hops:
            return Route(hops=tuple(hops), authenticated=answer.authenticated)
        if unsettled is not None:  # silence about an address is not its absence: the mail waits
            return unsettled
        if any(host == self._own_name for _, host in exchangers):
            return self._looping(domain, hops, unsettled)
        if not answer.records:
            return Route(status="5.1.2", reason=f"{domain} has neither MX nor address records")
        return Route(status="5.4.4", reason=f"no MX of {domain} is a host with an address")

    async def _by(self, given: RouteSpec) -> Route:
        """To the host of a route, whose MX records nobody asks for."""
        addresses, unanswered, signed = await self._addresses(given.host)
        if addresses:
            hop = Hop(given.host, 0, addresses, given.port_there, given.by_lmtp, signed)
            return Route(hops=(hop,), authenticated=True)
        if unanswered is not None:
            return _unsettled(given.host, unanswered)
        return Route(status="5.4.4", reason=f"{given.host}, where the route leads, has no address")

    def _looping(self, domain: str, better: list[Hop], unsettled: Route | None) -> Route:
        """What is left where this relay is itself among the MX of a domain: those better than itself."""
        if better:
            return Route(hops=tuple(better))
        reason = f"the best MX of {domain} is {self._own_name} itself: a loop"
        return unsettled or Route(status="5.4.6", reason=reason)

    def _exchangers(self, domain: str, answer: LookupResult) -> list[tuple[int, str]]:
        """Preferences and names, ``""`` for a null MX; equals in random order."""
        if not answer.records:
            return [(0, domain.lower())]  # the implicit MX
        parsed = [record.split() for record in answer.records]
        exchangers = sorted((int(preference), host.rstrip(".").lower()) for preference, host in parsed)
        self._random.shuffle(exchangers)
        return sorted(exchangers, key=lambda exchanger: exchanger[0])

    def _before_self(self, exchangers: list[tuple[int, str]]) -> list[tuple[int, str]]:
        own = [preference for preference, host in exchangers if host == self._own_name]
        return [e for e in exchangers if not own or e[0] < min(own)]

    async def _addresses(self, host: str) -> tuple[tuple[str, ...], LookupResult | None, bool]:
        """A host's addresses, the answer that leaves open whether there are more, and whether all are signed."""
        if not host or is_ip(host):
            return (), None, False
        found: list[str] = []
        open_answer: LookupResult | None = None
        signed = True
        for kind in self._families:
            answer = await self._resolver.ask(host, kind)
            found += answer.records
            if not answer.settled:
                open_answer = answer
            signed = signed and answer.authenticated
        return tuple(found), open_answer, signed


def _refusal(domain: str, answer: LookupResult) -> Route | None:
    """Why no MX can be had, None when the answer has what there is."""
    if answer.rcode == "NXDOMAIN":
        return Route(status="5.1.2", reason=f"the domain {domain} does not exist (NXDOMAIN)")
    if answer.rcode == LOOP:
        return Route(status="5.4.4", reason=f"the aliases of {domain} lead in a circle (CNAME)")
    return None if answer.settled else _unsettled(domain, answer)


def _unsettled(name: str, answer: LookupResult) -> Route:
    if answer.rcode == TIMEOUT:
        return Route(status="4.4.3", reason=f"no name server gave a usable answer for {name}")
    return Route(status="4.4.3", reason=f"the name server answered {answer.rcode} for {name}")
