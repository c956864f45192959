"""Reports to domains on the TLS of each day's sessions with their mail servers: collected, and sent (RFC 8460)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.report_days import DAY_S, ReportDays
from testbed.hosts.sending.https import NotFetched, post
from testbed.hosts.site import Site
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.address import domain_of, is_host_name
from testbed.transport_security import report_message
from testbed.transport_security.report import Report, Session, report
from testbed.transport_security.report_record import NoReports, address_record_name, destinations_in, https_parts

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
                where = destinations_in([text.decode("latin-1") for text in answer.strings])
            except NoReports as error:
                self._log(found, (), (), (), f": {error}")
                continue
            if where.mail:
                to = tuple(EnvelopeRecipient(address) for address in where.mail)
                self._enqueue(Envelope(self._sender, to), report_message.message(found, where.mail, self._site.date()))
            troubles = {uri: await self._post(uri, found) for uri in where.posts}
            posted = tuple(uri for uri, trouble in troubles.items() if not trouble)
            withheld = {uri: trouble for uri, trouble in troubles.items() if trouble}
            withheld |= dict.fromkeys(where.others, "reports go by mail and by https on port 443")
            if where.mail or posted or withheld:
                why = "".join(f"; {uri} gets none: {trouble}" for uri, trouble in withheld.items())
                self._log(found, where.mail, posted, tuple(withheld), why)

    async def _post(self, uri: str, found: Report) -> str:
        """Why a report could not be posted, ``""`` where it was taken (RFC 8460 §5.4); it is tried once."""
        parts = https_parts(uri)
        assert parts is not None
        host, path = parts
        trouble = f"{host} has no address"
        for kind in dict.fromkeys("AAAA" if ":" in own else "A" for own in self._site.addresses):
            for address in (await self._resolver.ask(host, kind)).records:
                content = report_message.packed(found)
                try:
                    status = await post(self._site, host, address, path, report_message.GZIP, content)
                except NotFetched as error:
                    trouble = str(error)
                    continue
                return "" if 200 <= status < 300 else f"{host} answered {status}"
        return trouble

    def _log(
        self, found: Report, mail: tuple[str, ...], posted: tuple[str, ...], withheld: tuple[str, ...], why: str
    ) -> None:
        what = f"a report on the TLS of {count(found.sessions, 'session')} with {found.domain}"
        self._site.log(
            events.TlsReported(
                message_id=f"<{found.identifier}>" if mail else "",
                sender=self._sender,
                recipients=mail,
                domain=found.domain,
                sessions=found.sessions,
                failed=sum(one.failed for one in found.policies),
                posted=posted,
                withheld=withheld,
            ),
            f"{what} goes to {', '.join((*mail, *posted)) or 'nobody'}{why}",
        )
