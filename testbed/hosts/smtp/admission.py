"""What a mail server does not take: mail that goes in circles, and at present, by grey listing, rate or full disk."""

from __future__ import annotations

from collections import defaultdict, deque

from testbed.durations import SECOND
from testbed.hosts.site import Site
from testbed.hosts.smtp.trace_header import hops
from testbed.scenario.limits import RateLimitSpec

DISK_FULL = "452 4.3.1 Insufficient system storage"


class Admission:
    """The rules of one server; each question is answered with a reply that refuses, or ``""``.

    ``max_hops`` is a number of Received fields (RFC 5321 §6.3), ``rate_limit`` a number of messages in a time and what
    more are told, ``greylist`` a time (nanoseconds).  What it remembers of its clients is in memory: a crash forgets
    it.  The lab's user agents are known and not grey listed (RFC 6647 §5.1).
    """

    def __init__(self, site: Site, max_hops: int, rate_limit: RateLimitSpec | None, greylist: int | None) -> None:
        self._site = site
        self._max_hops = max_hops
        self._rate_limit = rate_limit
        self._greylist = greylist
        self._taken: dict[str, deque[float]] = defaultdict(deque)
        self._first_seen: dict[tuple[str, str, str], float] = {}

    def mail(self, peer: str) -> str:
        """At MAIL."""
        if self._site.disk_full():
            return DISK_FULL
        if self._rate_limit is not None:
            most, span = self._rate_limit.messages
            taken = self._taken[peer]
            while taken and taken[0] <= self._site.now() - span / SECOND:
                taken.popleft()
            if len(taken) >= most:
                return self._rate_limit.reply
        return ""

    def recipient(self, peer: str, sender: str, recipient: str) -> str:
        """At RCPT: an unknown triplet is told to come back (RFC 6647 §2)."""
        if self._greylist is None or peer in self._site.trusted:
            return ""
        now = self._site.now()
        first = self._first_seen.setdefault((peer, sender.lower(), recipient.lower()), now)
        return "" if now - first >= self._greylist / SECOND else "450 4.7.1 Greylisted, come back later"

    def message(self, peer: str, content: bytes) -> str:
        """After the final dot; a message that is not refused counts."""
        if hops(content) >= self._max_hops:
            return "554 5.4.6 Too many hops, a mail loop"
        if self._site.disk_full():
            return DISK_FULL
        self._taken[peer].append(self._site.now())
        return ""
