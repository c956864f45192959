"""Ways to break how a relay goes by what domains publish of TLS, each the opposite of what the catalogue guards."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from testbed.hosts.dns.resolver import LookupResult, Resolver
from testbed.hosts.envelope import Envelope
from testbed.hosts.queue import sts_policies, transport_policies
from testbed.hosts.queue.routing import Hop, Route
from testbed.hosts.queue.store import Queue, QueuedMessage
from testbed.hosts.queue.sts_policies import Known, StsPolicies
from testbed.hosts.queue.tls_reports import TlsReports
from testbed.hosts.queue.transport_policies import TransportPolicies
from testbed.hosts.sending.demanded_tls import Demanded
from testbed.hosts.smtp.commands import EsmtpCommands
from testbed.transport_security.demand import Demand, TlsaAnswer
from testbed.transport_security.mta_sts import StsPolicy
from testbed.transport_security.report import Session
from testbed.transport_security.tlsa import Tlsa


def heeds_no_policy(patch: pytest.MonkeyPatch) -> None:
    """A relay that asks what domains say, and takes TLS where it can be had all the same."""
    demanded = TransportPolicies.demanded

    async def nothing(
        self: TransportPolicies, envelope: Envelope, content: bytes, route: Route, hop: Hop
    ) -> Demanded | None:
        found = await demanded(self, envelope, content, route, hop)
        return None if found is None else Demanded(found.domain, Demand(), found.policy)

    patch.setattr(TransportPolicies, "demanded", nothing)


def reports_no_sessions(patch: pytest.MonkeyPatch) -> None:
    """A relay that counts no session for the report on TLS."""
    patch.setattr(TlsReports, "note", lambda self, domain, session: None)


def reports_that_all_is_well(patch: pytest.MonkeyPatch) -> None:
    """A relay whose reports on TLS count every session as one that went well."""
    note = TlsReports.note
    patch.setattr(TlsReports, "note", lambda self, domain, session: note(self, domain, Session(session.policy)))


def forgets_policies(patch: pytest.MonkeyPatch) -> None:
    """A relay that keeps no policy of MTA-STS."""
    policy = StsPolicies.policy

    async def anew(self: StsPolicies, domain: str) -> StsPolicy | None:
        self._known.clear()
        return await policy(self, domain)

    patch.setattr(StsPolicies, "policy", anew)


def keeps_policies_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A relay for which a policy of MTA-STS never runs out and no new one counts."""
    policy = StsPolicies.policy

    async def once(self: StsPolicies, domain: str) -> StsPolicy | None:
        known: Known | None = self._known.get(domain)
        return known.policy if known is not None else await policy(self, domain)

    patch.setattr(StsPolicies, "policy", once)


def enforces_what_is_tested(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes the mode testing for enforce, and waits where a policy cannot be had."""
    policy = StsPolicies.policy

    async def strict(self: StsPolicies, domain: str) -> StsPolicy | None:
        found = await policy(self, domain)
        return (
            dataclasses.replace(found, mode="enforce")
            if found is not None
            else StsPolicy("enforce", 1, ("nobody.example",))
        )

    patch.setattr(StsPolicies, "policy", strict)


def refetches_whatever_the_id(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes every record of MTA-STS for a new one."""
    counter = iter(range(1_000_000))
    patch.setattr(sts_policies, "policy_id", lambda records: str(next(counter)) if records else "")


def forgets_requiretls(patch: pytest.MonkeyPatch) -> None:
    """A relay that forgets REQUIRETLS once it has taken a message."""
    add = Queue.add

    def without(self: Queue, envelope: Envelope, content: bytes, message_id: str, now: float) -> QueuedMessage:
        parameters = replace(envelope.parameters, require_tls=False)
        return add(self, replace(envelope, parameters=parameters), content, message_id, now)

    patch.setattr(Queue, "add", without)


def never_offers_requiretls(patch: pytest.MonkeyPatch) -> None:
    """A server that does not offer REQUIRETLS behind STARTTLS."""
    patch.setattr(EsmtpCommands, "_only_through_tls", lambda self: frozenset({"REQUIRETLS"}))


def ignores_tls_required(patch: pytest.MonkeyPatch) -> None:
    """A relay that knows no TLS-Required."""
    patch.setattr(transport_policies, "tls_is_optional", lambda content: False)


def asks_for_no_tlsa(patch: pytest.MonkeyPatch) -> None:
    """A relay that knows nothing of DANE."""

    async def none(self: TransportPolicies, *args: object) -> TlsaAnswer:
        return TlsaAnswer()

    patch.setattr(TransportPolicies, "_tlsa", none)


def takes_no_records_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    """A relay that goes on as if there were no TLSA records where it cannot tell."""
    tlsa = TransportPolicies._tlsa

    async def credulous(self: TransportPolicies, route: Route, hop: Hop) -> TlsaAnswer:
        return TlsaAnswer((await tlsa(self, route, hop)).records)

    patch.setattr(TransportPolicies, "_tlsa", credulous)


def goes_by_the_last_record(patch: pytest.MonkeyPatch) -> None:
    """A relay that goes by one TLSA record of several, as if a key were never changed."""
    tlsa = TransportPolicies._tlsa

    async def one(self: TransportPolicies, route: Route, hop: Hop) -> TlsaAnswer:
        found = await tlsa(self, route, hop)
        return replace(found, records=found.records[-1:])

    patch.setattr(TransportPolicies, "_tlsa", one)


def trusts_no_record(patch: pytest.MonkeyPatch) -> None:
    """A relay to which no certificate fits any TLSA record."""
    patch.setattr(Tlsa, "matches", lambda self, certificate: False)


def takes_every_answer_for_signed(patch: pytest.MonkeyPatch) -> None:
    """A resolver that takes every answer for authentic."""
    ask = Resolver.ask

    async def credulous(self: Resolver, name: str, kind: str) -> LookupResult:
        return replace(await ask(self, name, kind), authenticated=True)

    patch.setattr(Resolver, "ask", credulous)
