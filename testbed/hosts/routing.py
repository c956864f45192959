"""Where mail for a domain goes: MX look-up and the order of trying (RFC 5321 §5.1, RFC 7505)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from testbed.hosts.resolver import Answer, Resolver


@dataclass(frozen=True, slots=True)
class Hop:
    """One host that may take the mail, with its addresses in the order to try."""

    host: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Hops in the order to try, or the reason why there are none.

    ``status`` is an RFC 3463 code: class 5 means give up at once, class 4 means try again later.
    """

    hops: tuple[Hop, ...] = ()
    status: str = ""
    reason: str = ""

    @property
    def permanent(self) -> bool:
        """Whether waiting is pointless."""
        return self.status.startswith("5")


class Router:
    """Finds routes for one relay.

    ``families`` names the address records to ask for, preferred first; ``seed`` makes the order among equal
    preferences random but repeatable.
    """

    def __init__(self, resolver: Resolver, own_name: str, families: tuple[str, ...], seed: int) -> None:
        self._resolver = resolver
        self._own_name = own_name.lower()
        self._families = families
        self._random = random.Random(seed)

    async def route(self, domain: str) -> Route:
        """The hops for a domain."""
        answer = await self._resolver.ask(domain, "MX")
        refusal = _refusal(domain, answer)
        if refusal is not None:
            return refusal
        exchangers = self._exchangers(domain, answer)
        if exchangers == [(0, "")]:
            return Route(status="5.1.10", reason=f"{domain} accepts no mail (null MX, RFC 7505)")
        remaining = self._without_self(exchangers)
        if not remaining:
            return Route(status="5.4.6", reason=f"the best MX of {domain} is {self._own_name} itself: a loop")
        hops = [Hop(host, preference, await self._addresses(host)) for preference, host in remaining]
        usable = tuple(hop for hop in hops if hop.addresses)
        if not usable and not answer.records:
            return Route(status="5.1.2", reason=f"{domain} has neither MX nor address records")
        if not usable:
            return Route(status="5.4.4", reason=f"no MX of {domain} has an address")
        return Route(hops=usable)

    def _exchangers(self, domain: str, answer: Answer) -> list[tuple[int, str]]:
        if not answer.records:
            return [(0, domain)]  # the implicit MX
        parsed = [record.split() for record in answer.records]
        exchangers = [(int(preference), host.rstrip(".").lower()) for preference, host in parsed]
        self._random.shuffle(exchangers)
        return sorted(exchangers, key=lambda exchanger: exchanger[0])

    def _without_self(self, exchangers: list[tuple[int, str]]) -> list[tuple[int, str]]:
        own = [preference for preference, host in exchangers if host == self._own_name]
        return [e for e in exchangers if not own or e[0] < min(own)]

    async def _addresses(self, host: str) -> tuple[str, ...]:
        found: list[str] = []
        for kind in self._families:
            found += (await self._resolver.ask(host, kind)).records
        return tuple(found)


def _refusal(domain: str, answer: Answer) -> Route | None:
    match answer.rcode:
        case "NOERROR":
            return None
        case "NXDOMAIN":
            return Route(status="5.1.2", reason=f"the domain {domain} does not exist (NXDOMAIN)")
        case "TIMEOUT":
            return Route(status="4.4.3", reason=f"no name server answered for {domain}")
        case rcode:
            return Route(status="4.4.3", reason=f"the name server answered {rcode} for {domain}")
