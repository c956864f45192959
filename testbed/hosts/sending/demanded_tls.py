"""TLS as a recipient's domain demands it: begun with any certificate, and judged by what was shown."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import aiosmtplib

from testbed.hosts.sending.results import DeliveryResult, HopFailed
from testbed.hosts.sending.security import TlsUnavailable, start_tls
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.transport_security.decision import Decision, Seen, decide
from testbed.transport_security.demand import Demand
from testbed.transport_security.report import Failure, Policy, Session, session

Noted = Callable[[str, Session], None]
"""Who hears of each session: with which domain, and how it went."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """What must hold of TLS with a server of a domain.

    ``requiretls`` tells that it must offer REQUIRETLS too (RFC 8689).  ``policy`` is whose demand it is, and
    ``trouble`` why one that was announced could not be had; ``noted`` collects sessions for the report on TLS.
    """

    domain: str
    demand: Demand
    policy: Policy
    requiretls: bool = False
    trouble: Failure | None = None
    noted: Noted | None = field(default=None, compare=False)


async def demanded_tls(client: aiosmtplib.SMTP, site: Site, server: str, demanded: Demanded) -> Decision:
    """Begin TLS, and say what is to be done; behind a failed handshake the connection is closed."""
    now = site.now()
    try:
        await start_tls(client, site.tls, server, checks=False)
    except TlsUnavailable as failed:
        broken = failed.result.status == "4.7.5"
        result = "validation-failure" if broken else "starttls-not-supported"
        seen = Seen(now, trouble=str(failed.result), result=result)
    else:
        seen = Seen(now, shown_chain(client))
    anchors = [site.tls.authority.anchor] if site.tls is not None else []
    return decide(demanded.demand, seen, anchors)


def log_decision(site: Site, demanded: Demanded, server: str, address: str, decision: Decision) -> None:
    """Log what was decided about a server, at an address or at none, and note it for the report of the day."""
    site.log(
        events.TlsJudged(
            domain=demanded.domain,
            next_hop=server,
            policy=_POLICIES.get(demanded.demand.source, "no-policy-found"),
            deed=decision.deed,
            address=address,
            result=decision.result,
            reason=decision.why,
        ),
        f"{server}: {_DEEDS[decision.deed]}: {decision.why}",
    )
    if demanded.noted is not None:
        source = site.source_for(address) if address else None
        between = Failure("", source or "", server, address)
        demanded.noted(demanded.domain, session(demanded.policy, demanded.demand, decision, between, demanded.trouble))


def refused(demanded: Demanded, decision: Decision) -> HopFailed:
    """Why nothing is sent to a server.  Who requires TLS of every server is told at once (RFC 8689 §4.2.1)."""
    without = decision.result == "starttls-not-supported"
    status = "5.7.10" if demanded.requiretls else "4.7.4" if without else "4.7.5"
    return HopFailed(DeliveryResult(0, status, decision.why))


def not_offered(server: str) -> HopFailed:
    """A server that does not offer REQUIRETLS, for a message that needs it."""
    return HopFailed(DeliveryResult(0, "5.7.30", f"{server} does not offer REQUIRETLS, which the sender requires"))


def shown_chain(client: aiosmtplib.SMTP) -> tuple[bytes, ...]:
    """The certificates a server has shown, DER, its own first."""
    found = client.transport.get_extra_info("ssl_object") if client.transport is not None else None
    if found is None:
        return ()
    # Public since Python 3.13; before, only the object behind it has the chain.
    shown = getattr(found, "get_unverified_chain", None) or found._sslobj.get_unverified_chain
    return tuple(one if isinstance(one, bytes) else _der(one) for one in shown() or ())


def _der(certificate: object) -> bytes:
    pem: str = certificate.public_bytes()  # type: ignore[attr-defined]  # of _ssl, which has no types
    return ssl.PEM_cert_to_DER_cert(pem)


_POLICIES = {"dane": "tlsa", "mta-sts": "sts"}
_DEEDS = {
    "send": "mail is sent through TLS",
    "send-in-clear": "mail is sent in clear",
    "wait": "no mail is sent there",
}
