"""The name under which a server keeps a message it has taken, as it tells in its reply, each in words of its own."""

from __future__ import annotations

import re

# What servers say once they have taken a message; the name is the group.
_FORMS = tuple(
    re.compile(form, re.I)
    for form in (
        r"\bqueued as <?([\w.@+-]+)",  # Postfix, ours: "2.0.0 Ok: queued as 4ABC"
        r"\bid=<?([\w.@+-]+)",  # Exim: "OK id=1dKauY-0006oj-4k"
        r"\bInternalId=(\d+)",  # Exchange: "<1@x> [InternalId=123, Hostname=…] Queued mail for delivery"
        r"\b([\w-]+) Message accepted for delivery",  # sendmail, OpenSMTPD
        r"\b([\w.-]+) - gsmtp",  # Gmail: "OK  1511… s14si7.3 - gsmtp"
        r"\bMessage queued \(([\w.-]+)\)",  # Haraka
        r"\bok \d+ qp (\d+)",  # qmail: "ok 1511… qp 4321"
    )
)
_MOST = 1_000  # letters of a reply that are looked at


def queue_id(reply: str) -> str:
    """The name in a reply that takes a message, ``""`` where it tells none."""
    return next((found[1].rstrip(".") for form in _FORMS if (found := form.search(reply[:_MOST]))), "")
