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
        hops: list[Hop] = []
        unsettled: Route | None = None
        for preference, host in remaining:
            addresses, unanswered = await self._addresses(host)
            if addresses:
                hops.append(Hop(host, preference, addresses))
            elif unanswered is not None:
                unsettled = _unsettled(host, unanswered)
        if hops:
            return Route(hops=tuple(hops))
        if unsettled is not None:  # silence about an address is not its absence: the mail waits
            return unsettled
        if not answer.records:
            return Route(status="5.1.2", reason=f"{domain} has neither MX nor address records")
        return Route(status="5.4.4", reason=f"no MX of {domain} has an address")

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

    async def _addresses(self, host: str) -> tuple[tuple[str, ...], Answer | None]:
        """A host's addresses, and the answer that leaves open whether there are more."""
        found: list[str] = []
        open_answer: Answer | None = None
        for kind in self._families:
            answer = await self._resolver.ask(host, kind)
            found += answer.records
            if not answer.settled:
                open_answer = answer
        return tuple(found), open_answer


def _refusal(domain: str, answer: Answer) -> Route | None:
    """Why no MX can be had, None when the answer has what there is."""
    if answer.rcode == "NXDOMAIN":
        return Route(status="5.1.2", reason=f"the domain {domain} does not exist (NXDOMAIN)")
    return None if answer.settled else _unsettled(domain, answer)


def _unsettled(name: str, answer: Answer) -> Route:
    if answer.rcode == "TIMEOUT":
        return Route(status="4.4.3", reason=f"no name server answered for {name}")
    return Route(status="4.4.3", reason=f"the name server answered {answer.rcode} for {name}")
