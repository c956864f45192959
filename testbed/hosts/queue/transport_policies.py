"""What a relay demands of TLS at each next hop: from DANE, MTA-STS, and the message itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope
from testbed.hosts.queue.routing import Hop, Route
from testbed.hosts.queue.sts_policies import StsPolicies
from testbed.hosts.sending.demanded_tls import Demanded, Noted
from testbed.hosts.site import Site
from testbed.protocols.address import domain_of
from testbed.protocols.header import tls_is_optional
from testbed.scenario.security import TlsPolicy
from testbed.transport_security.demand import Demand, TlsaAnswer, demand_for, required_by_sender
from testbed.transport_security.report import Policy, policy_of
from testbed.transport_security.tlsa import read_tlsa, tlsa_name

_DANE: tuple[TlsPolicy, ...] = ("dane", "dane-only", "published")
_STS: tuple[TlsPolicy, ...] = ("mta-sts", "published")


class TransportPolicies:
    """``wish`` is what the relay's configuration says of a domain, ``noted`` hears of sessions that go by a policy."""

    def __init__(
        self,
        site: Site,
        resolver: Resolver,
        families: Sequence[str],
        wish: Callable[[str], TlsPolicy],
        noted: Noted | None = None,
    ) -> None:
        self._noted = noted
        self._resolver = resolver
        self._wish = wish
        self._sts = StsPolicies(site, resolver, families)

    def wish(self, domain: str) -> TlsPolicy:
        """What the relay's configuration says of a domain."""
        return self._wish(domain)

    async def demanded(self, envelope: Envelope, content: bytes, route: Route, hop: Hop) -> Demanded | None:
        """What must hold at a hop for a message; None where only the configuration has a say.

        REQUIRETLS overrides a ``TLS-Required: No`` of the same message (RFC 8689 §4.1).
        """
        domain = domain_of(envelope.addresses[0])
        wish = self._wish(domain)
        requiretls = envelope.parameters.require_tls
        if requiretls and wish not in _STS:
            wish = "published"
        if wish not in (*_DANE, *_STS):
            return None
        if not requiretls and tls_is_optional(content):
            return Demanded(domain, Demand(), Policy("no-policy-found", domain))
        dane = await self._tlsa(route, hop) if wish in _DANE else None
        published = dane is not None and bool(dane.records or dane.failure)
        sts = await self._sts.policy(domain) if wish in _STS and not published else None
        demand = demand_for(hop.host, domain, dane, sts, only_dane=wish == "dane-only")
        if requiretls:
            demand = required_by_sender(demand, hop.host, mx_is_authentic=route.authenticated)
        trouble = self._sts.trouble(domain) if wish in _STS and not published else None
        policy = policy_of(demand, domain, hop.host, sts, announced=trouble is not None)
        return Demanded(domain, demand, policy, requiretls, trouble, self._noted)

    async def _tlsa(self, route: Route, hop: Hop) -> TlsaAnswer:
        """Only where the MX and its addresses are from signed zones are records asked for (RFC 7672 §2.2)."""
        if not (route.authenticated and hop.authenticated):
            return TlsaAnswer()
        answer = await self._resolver.ask(tlsa_name(hop.host, hop.port), "TLSA")
        if not answer.settled:
            return TlsaAnswer(failure=f"the name server answered {answer.rcode}")
        return TlsaAnswer(read_tlsa(answer.records) if answer.authenticated else ())
