"""Reports to the owners of domains on the mail of each day: collected, and sent when the day is over (RFC 9990)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from testbed.authentication import aggregate_report, report_message
from testbed.authentication.aggregate_report import Published, Row
from testbed.authentication.judge import Judgement
from testbed.authentication.lookup import Answer, settled
from testbed.authentication.policy import Decision
from testbed.authentication.report_destinations import Destinations, destinations
from testbed.durations import SECOND
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.site import Site
from testbed.hosts.smtp.judge import answer_of
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.address import domain_of, is_host_name
from testbed.tasks import HeldTasks

_DAY_S = 86_400
_MAX_ROWS = 10_000  # of one domain in a day; what is unlike all of them is then left out


@dataclass(slots=True)
class _OfDomain:
    """What is known of a policy domain: the last of its policies counts for all of the day."""

    published: Published
    addresses: tuple[str, ...]
    rows: Counter[Row] = field(default_factory=Counter)


class AggregateReports:
    """The reports of one server.  Days are counted from the lab's begin; one on which nothing was found has no report.

    What is collected lies in memory: a crash loses it.
    """

    def __init__(self, site: Site, resolver: Resolver, enqueue: Callable[[Envelope, bytes], object], sender: str):
        """``enqueue`` stores an envelope and a message durably, ``sender`` is the address that reports come from."""
        self._site = site
        self._resolver = resolver
        self._enqueue = enqueue
        self._sender = sender
        self._days: dict[int, dict[str, _OfDomain]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._sending = HeldTasks()

    def note(self, judgement: Judgement, decision: Decision) -> None:
        """Count a message, where its author's domain wants reports and DMARC came to a result."""
        published, row = aggregate_report.published(judgement), aggregate_report.row(judgement, decision)
        if published is None or row is None or not is_host_name(published.domain):
            return
        assert judgement.dmarc is not None
        assert judgement.dmarc.record is not None
        addresses = judgement.dmarc.record.reports
        domains = self._of_day(self._site.since_begin_ns() // (_DAY_S * SECOND))
        domain = domains.setdefault(published.domain, _OfDomain(published, addresses))
        domain.published, domain.addresses = published, addresses
        if row in domain.rows or len(domain.rows) < _MAX_ROWS:
            domain.rows[row] += 1

    def _of_day(self, day: int) -> dict[str, _OfDomain]:
        if day not in self._days:
            left = (day + 1) * _DAY_S - self._site.since_begin_ns() / SECOND
            begin = int(self._site.now() + left) - _DAY_S
            self._timers[day] = asyncio.get_running_loop().call_later(left, self._is_over, day, begin)
        return self._days.setdefault(day, {})

    def _is_over(self, day: int, begin: int) -> None:
        del self._timers[day]
        self._sending.start(self._send(begin, self._days.pop(day)))

    async def _send(self, begin: int, domains: dict[str, _OfDomain]) -> None:
        for name, domain in domains.items():
            agreed = await self._agreed(name, domain.addresses)
            found = aggregate_report.report(
                domain_of(self._sender),
                self._sender,
                begin,
                begin + _DAY_S - 1,
                domain.published,
                domain.rows,
            )
            if agreed.addresses:
                to = tuple(EnvelopeRecipient(address) for address in agreed.addresses)
                content = report_message.message(found, agreed.addresses, self._site.date())
                self._enqueue(Envelope(self._sender, to), content)
            self._site.log(
                events.DmarcReported(
                    message_id=f"<{found.identifier}>" if agreed.addresses else "",
                    sender=self._sender,
                    recipients=agreed.addresses,
                    domain=name,
                    messages=found.messages,
                    withheld=tuple(address for address, _ in agreed.refused),
                ),
                _said(name, found.messages, agreed),
            )

    async def _agreed(self, domain: str, addresses: tuple[str, ...]) -> Destinations:
        async def ask(name: str, kind: str) -> Answer:
            return answer_of(await self._resolver.ask(name, kind), kind)

        return await settled(lambda lookup: destinations(lookup, domain, addresses), ask)

    async def settled(self) -> None:
        """Return when no report is being made; days that are not over do not count."""
        await self._sending.settled()

    async def stop(self) -> None:
        """Send nothing more."""
        self._forget()
        await self._sending.stop()

    def crash(self) -> None:
        """Lose what was collected, at once."""
        self._forget()
        self._sending.cancel()

    def _forget(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


def _said(domain: str, messages: int, agreed: Destinations) -> str:
    what = f"a report on {count(messages, 'message')} of {domain}"
    sent = [f"goes to {', '.join(agreed.addresses)}"] if agreed.addresses else []
    return f"{what} {'; '.join(sent + [f'does not go to {address}: {why}' for address, why in agreed.refused])}"
