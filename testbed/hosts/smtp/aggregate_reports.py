"""Reports to the owners of domains on the mail of each day: collected, and sent when the day is over (RFC 9990)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from testbed.authentication import aggregate_report, report_message
from testbed.authentication.aggregate_report import Published, Row
from testbed.authentication.judge import Judgement
from testbed.authentication.policy import Decision
from testbed.authentication.report_destinations import Destinations
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.report_days import DAY_S, ReportDays
from testbed.hosts.site import Site
from testbed.hosts.smtp.agreed import agreed_destinations
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.address import domain_of, is_host_name

_MAX_ROWS = 10_000  # of one domain in a day; what is unlike all of them is then left out


@dataclass(slots=True)
class _OfDomain:
    """What is known of a policy domain: the last of its policies counts for all of the day."""

    published: Published
    addresses: tuple[str, ...]
    rows: Counter[Row] = field(default_factory=Counter)


class AggregateReports:
    """The reports of one server."""

    def __init__(self, site: Site, resolver: Resolver, enqueue: Callable[[Envelope, bytes], object], sender: str):
        """``enqueue`` stores an envelope and a message durably, ``sender`` is the address that reports come from."""
        self._site = site
        self._resolver = resolver
        self._enqueue = enqueue
        self._sender = sender
        self.days: ReportDays[dict[str, _OfDomain]] = ReportDays(site, dict, self._send)

    def note(self, judgement: Judgement, decision: Decision) -> None:
        """Count a message, where its author's domain wants reports and DMARC came to a result."""
        published, row = aggregate_report.published(judgement), aggregate_report.row(judgement, decision)
        if published is None or row is None or not is_host_name(published.domain):
            return
        assert judgement.dmarc is not None
        assert judgement.dmarc.record is not None
        addresses = judgement.dmarc.record.reports
        domain = self.days.today.setdefault(published.domain, _OfDomain(published, addresses))
        domain.published, domain.addresses = published, addresses
        if row in domain.rows or len(domain.rows) < _MAX_ROWS:
            domain.rows[row] += 1

    async def _send(self, begin: int, domains: dict[str, _OfDomain]) -> None:
        for name, domain in domains.items():
            agreed = await agreed_destinations(self._resolver, name, domain.addresses)
            found = aggregate_report.report(
                domain_of(self._sender),
                self._sender,
                begin,
                begin + DAY_S - 1,
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


def _said(domain: str, messages: int, agreed: Destinations) -> str:
    what = f"a report on {count(messages, 'message')} of {domain}"
    sent = [f"goes to {', '.join(agreed.addresses)}"] if agreed.addresses else []
    return f"{what} {'; '.join(sent + [f'does not go to {address}: {why}' for address, why in agreed.refused])}"
