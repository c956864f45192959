"""Reports to the owners of domains on single messages that failed, sent at once (RFC 9991)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from testbed.authentication import failure_message, failure_report
from testbed.authentication.failure_report import FailureReport
from testbed.authentication.judge import Judgement
from testbed.authentication.policy import Decision
from testbed.authentication.report_destinations import Destinations
from testbed.durations import SECOND
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.report_days import DAY_S
from testbed.hosts.site import Site
from testbed.hosts.smtp.agreed import agreed_destinations
from testbed.protocols import events
from testbed.protocols.address import domain_of, is_host_name
from testbed.protocols.header import header_field, named
from testbed.tasks import HeldTasks

MAX_A_DAY = 100  # of one domain: whoever writes in its name must not have its owner flooded (RFC 9991 §2)


class FailureReports:
    """The reports of one server.  What it is about to send lies in memory: a crash loses it."""

    def __init__(self, site: Site, resolver: Resolver, enqueue: Callable[[Envelope, bytes], object], sender: str):
        """``enqueue`` stores an envelope and a message durably, ``sender`` is the address that reports come from."""
        self._site = site
        self._resolver = resolver
        self._enqueue = enqueue
        self._sender = sender
        self._sent: Counter[tuple[int, str]] = Counter()
        self._sending = HeldTasks()

    def note(self, judgement: Judgement, decision: Decision) -> None:
        """Report a message, where it failed as its author's domain wants to hear of."""
        domain, addresses, reports = failure_report.wanted(judgement, decision, self._site.name)
        day = self._site.since_begin_ns() // (DAY_S * SECOND)
        for report in reports if is_host_name(domain) else ():
            if self._sent[day, domain] < MAX_A_DAY:
                self._sent[day, domain] += 1
                name = f"{report.failure}-failure.{sum(self._sent.values())}.{domain}@{domain_of(self._sender)}"
                about = header_field(judgement.offer.octets, "Message-ID")
                self._sending.start(self._send(name, report, domain, addresses, about))

    async def _send(
        self, name: str, report: FailureReport, domain: str, addresses: tuple[str, ...], about: str
    ) -> None:
        arrived = self._site.date()
        agreed = await agreed_destinations(self._resolver, domain, addresses, "ruf")
        if agreed.addresses:
            to = tuple(EnvelopeRecipient(address) for address in agreed.addresses)
            content = failure_message.message(report, self._sender, agreed.addresses, self._site.date(), arrived, name)
            self._enqueue(Envelope(self._sender, to), content)
        self._site.log(
            events.FailureReported(
                message_id=f"<{name}>" if agreed.addresses else "",
                sender=self._sender,
                recipients=agreed.addresses,
                domain=report.domain,
                failure=report.failure,
                about=about,
                withheld=tuple(address for address, _ in agreed.refused),
            ),
            _said(report, about, agreed),
        )

    async def settled(self) -> None:
        """Return when no report is being made."""
        await self._sending.settled()

    async def stop(self) -> None:
        """Send nothing more."""
        await self._sending.stop()

    def crash(self) -> None:
        """Lose what was about to be sent, at once."""
        self._sending.cancel()


def _said(report: FailureReport, about: str, agreed: Destinations) -> str:
    sent = [f"goes to {', '.join(agreed.addresses)}"] if agreed.addresses else []
    withheld = [f"does not go to {address}: {why}" for address, why in agreed.refused]
    return f"a report on {named(about)} of {report.domain} ({report.failure}) {'; '.join(sent + withheld)}"
