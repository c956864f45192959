"""Reports to domains on the TLS of each day's sessions with their mail servers: collected, and sent (RFC 8460)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.report_days import DAY_S, ReportDays
from testbed.hosts.site import Site
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.address import domain_of, is_host_name
from testbed.transport_security import report_message
from testbed.transport_security.report import Report, Session, report
from testbed.transport_security.report_record import NoReports, address_record_name, addresses_in

_MAX_KINDS = 1_000  # of sessions of one domain in a day; what is unlike all of them is then left out


class TlsReports:
    """The reports of one relay."""

    def __init__(self, site: Site, resolver: Resolver, enqueue: Callable[[Envelope, bytes], object], sender: str):
        """``enqueue`` signs and stores an envelope and a message, ``sender`` is the address that reports come from."""
        self._site = site
        self._resolver = resolver
        self._enqueue = enqueue
        self._sender = sender
        self.days: ReportDays[dict[str, Counter[Session]]] = ReportDays(site, dict, self._send)

    def note(self, domain: str, session: Session) -> None:
        """Count a session with a mail server of a recipient's domain."""
        if not is_host_name(domain):
            return
        sessions = self.days.today.setdefault(domain.lower(), Counter())
        if session in sessions or len(sessions) < _MAX_KINDS:
            sessions[session] += 1

    async def _send(self, begin: int, domains: dict[str, Counter[Session]]) -> None:
        for domain, sessions in domains.items():
            found = report(domain, domain_of(self._sender), self._sender, begin, begin + DAY_S - 1, sessions)
            answer = await self._resolver.ask(address_record_name(domain), "TXT")
            try:
                addresses, others = addresses_in([text.decode("latin-1") for text in answer.strings])
            except NoReports as error:
                self._log(found, (), (), str(error))
                continue
            if addresses:
                to = tuple(EnvelopeRecipient(address) for address in addresses)
                self._enqueue(Envelope(self._sender, to), report_message.message(found, addresses, self._site.date()))
            if addresses or others:
                self._log(found, addresses, others, "nobody by mail")

    def _log(self, found: Report, addresses: tuple[str, ...], others: tuple[str, ...], nobody: str) -> None:
        what = f"a report on the TLS of {count(found.sessions, 'session')} with {found.domain}"
        withheld = f"; {', '.join(others)} gets none, as reports go by mail only" if others else ""
        self._site.log(
            events.TlsReported(
                message_id=f"<{found.identifier}>" if addresses else "",
                sender=self._sender,
                recipients=addresses,
                domain=found.domain,
                sessions=found.sessions,
                failed=sum(one.failed for one in found.policies),
                withheld=others,
            ),
            f"{what} goes to {', '.join(addresses) or nobody}{withheld}",
        )
