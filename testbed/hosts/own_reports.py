"""All reports that a mail host sends of its own: on who mail was from, and on the TLS of those it brought mail to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope
from testbed.hosts.report_days import Reporting
from testbed.hosts.site import Site
from testbed.scenario.hosts import MailHostSpec, RelaySpec

if TYPE_CHECKING:
    from testbed.hosts.sending.demanded_tls import Noted
    from testbed.hosts.smtp.judge import Told


class OwnReports:
    """``told`` hear of messages that were checked, ``noted`` of sessions; nobody where there are no ``reports``."""

    def __init__(self, site: Site, spec: MailHostSpec, send: Callable[[Envelope, bytes], object]) -> None:
        """``send`` takes an envelope and a message of the host's own."""
        self.told: Sequence[Told] = ()
        self.noted: Noted | None = None
        self._parts: list[Reporting] = []
        if spec.reports is None:
            return
        sender = f"{spec.reports}@{spec.domain}"
        if spec.checks or spec.persona:
            from testbed.hosts.smtp.aggregate_reports import AggregateReports  # signatures' libraries take their time
            from testbed.hosts.smtp.failure_reports import FailureReports

            aggregate = AggregateReports(site, Resolver(site), send, sender)
            failures = FailureReports(site, Resolver(site), send, sender)
            self.told = (aggregate, failures)
            self._parts += [aggregate.days, failures]
        if isinstance(spec, RelaySpec) and spec.obeys:
            from testbed.hosts.queue.tls_reports import TlsReports

            on_tls = TlsReports(site, Resolver(site), send, sender)
            self.noted = on_tls.note
            self._parts += [on_tls.days]

    async def settled(self) -> None:
        """Return when no report is being made; days that are not over do not count."""
        for part in self._parts:
            await part.settled()

    async def stop(self) -> None:
        """Send nothing more."""
        await asyncio.gather(*(part.stop() for part in self._parts))

    def crash(self) -> None:
        """Lose what was collected, at once."""
        for part in self._parts:
            part.crash()
