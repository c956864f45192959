"""The MTA-STS policies a relay knows: fetched, kept for as long as they say, on disk (RFC 8461 §3.3, §5.1)."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.sending.https import NotFetched, fetch
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.transport_security.mta_sts import (
    MAX_POLICY_OCTETS,
    MEDIA_TYPE,
    PATH,
    BadPolicy,
    BadRecord,
    StsPolicy,
    policy_host,
    policy_id,
    read_policy,
    record_name,
)
from testbed.transport_security.report import Failure

_AGAIN_S = 300.0  # scenario time after which a fetch that failed may be tried again (RFC 8461 §3.3)


class Known(Struct, frozen=True):
    """A policy that was fetched: its id, and until when it counts, in seconds since the epoch."""

    policy_id: str
    policy: StsPolicy
    until: float


class StsPolicies:
    """Asks, fetches and remembers, for one relay."""

    def __init__(self, site: Site, resolver: Resolver, families: Sequence[str]) -> None:
        self._site = site
        self._resolver = resolver
        self._families = families
        self._file = site.directory / "mta-sts.json"
        self._known = _read(self._file)
        self._failed: dict[tuple[str, str], float] = {}
        self._troubles: dict[str, Failure] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def trouble(self, domain: str) -> Failure | None:
        """Why the policy that a domain announced when it was last asked for could not be had, None where it could."""
        return self._troubles.get(domain)

    async def policy(self, domain: str) -> StsPolicy | None:
        """The policy of a domain that counts now, None for none.  Messages that ask at once share one fetch."""
        async with self._asking[domain]:
            return await self._asked(domain)

    async def _asked(self, domain: str) -> StsPolicy | None:
        known = self._known.get(domain)
        if known is not None and known.until <= self._site.now():
            known = None
        answer = await self._resolver.ask(record_name(domain), "TXT")
        try:
            announced = policy_id(answer.strings)
        except BadRecord as error:
            self._cannot(domain, "sts-policy-invalid", f"the TXT record is not used: {error}", known)
            return known.policy if known is not None else None
        if not announced or (known is not None and known.policy_id == announced):
            self._troubles.pop(domain, None)
            return known.policy if known is not None else None
        if self._site.now() < self._failed.get((domain, announced), 0.0):
            return known.policy if known is not None else None
        found = await self._fetch(domain, announced, known)
        return found.policy if found is not None else None

    async def _fetch(self, domain: str, announced: str, known: Known | None) -> Known | None:
        try:
            policy = read_policy(await self._file_of(domain))
        except NotFetched as error:
            result = "sts-webpki-invalid" if error.certificate else "sts-policy-fetch-error"
            self._cannot(domain, result, str(error), known)
        except BadPolicy as error:
            self._cannot(domain, "sts-policy-invalid", str(error), known)
        else:
            known = self._known[domain] = Known(announced, policy, self._site.now() + policy.max_age)
            self._write()
            self._troubles.pop(domain, None)
            self._site.log(
                events.StsPolicyFetched(
                    domain=domain, policy_id=announced, mode=policy.mode, max_age=policy.max_age, mx=policy.mx
                ),
                f"the MTA-STS policy {announced} of {domain}: {policy.mode}, {' '.join(policy.mx)}",
            )
            return known
        self._failed[domain, announced] = self._site.now() + _AGAIN_S
        return known

    async def _file_of(self, domain: str) -> bytes:
        host = policy_host(domain)
        failure = NotFetched(f"{host} has no address")
        for kind in self._families:
            for address in (await self._resolver.ask(host, kind)).records:
                try:
                    page = await fetch(self._site, host, address, PATH, most=MAX_POLICY_OCTETS)
                except NotFetched as error:
                    failure = error
                    continue
                if page.status != 200:
                    raise NotFetched(f"{host} answered {page.status}")
                if page.media_type != MEDIA_TYPE:
                    raise NotFetched(f"it is served as {page.media_type[:40] or 'nothing'}, and must be {MEDIA_TYPE}")
                return page.content
        raise failure

    def _cannot(self, domain: str, result: str, reason: str, known: Known | None) -> None:
        kept = known.policy_id if known is not None else ""
        self._troubles[domain] = Failure(result, reason=reason)
        consequence = f"the policy {kept} goes on" if kept else "it counts as having none"
        self._site.log(
            events.StsFailed(domain=domain, result=result, reason=reason, kept=kept),
            f"the MTA-STS policy of {domain} cannot be had: {reason}; {consequence}",
        )

    def _write(self) -> None:
        told = {
            domain: {"id": known.policy_id, "until": known.until, "policy": known.policy.text().decode()}
            for domain, known in self._known.items()
        }
        self._file.write_text(json.dumps(told))


def _read(file: Path) -> dict[str, Known]:
    """What a relay knew before it crashed."""
    if not file.exists():
        return {}
    told = json.loads(file.read_text())
    return {
        domain: Known(str(one["id"]), read_policy(one["policy"].encode()), float(one["until"]))
        for domain, one in told.items()
    }
