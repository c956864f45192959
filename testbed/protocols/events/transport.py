"""What clients log of the policies that say how mail travels to a domain (RFC 8461, 7672, 8460)."""

from __future__ import annotations

from testbed.protocols.events.event import LogEvent, event
from testbed.protocols.events.message import ForRecipients


@event("sts-policy")
class StsPolicyFetched(LogEvent):
    """A policy of MTA-STS was fetched; ``max_age`` in seconds."""

    domain: str
    policy_id: str
    mode: str
    max_age: int
    mx: tuple[str, ...] = ()


@event("sts-failed")
class StsFailed(LogEvent):
    """And could not be; ``result`` is a word of RFC 8460 §4.3, ``kept`` the id of the policy that still counts."""

    domain: str
    result: str
    reason: str
    kept: str = ""


@event("tls-judged")
class TlsJudged(LogEvent):
    """Whether a server may have mail, by its TLS: ``send``, ``send-in-clear`` or ``wait``.

    ``policy`` is a word of RFC 8460 §4.4: ``sts``, ``tlsa``, ``no-policy-found``; ``result`` one of §4.3, ``""`` for
    success.  ``address`` is empty where the server was not even connected to.
    """

    domain: str
    next_hop: str
    policy: str
    deed: str
    address: str = ""
    result: str = ""
    reason: str = ""


@event("tls-reported")
class TlsReported(ForRecipients):
    """What a client saw of the TLS of a domain's mail servers in a day goes to that domain, or to nobody (RFC 8460).

    ``sessions`` tells of how many, ``failed`` of how many of these; ``posted`` are the URIs that took it by HTTPS,
    ``withheld`` addresses and URIs that get no report.
    """

    domain: str
    sessions: int
    failed: int = 0
    posted: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
