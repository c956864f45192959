"""The words in which a scenario says what is checked, what may be found, and what is done then."""

from __future__ import annotations

from typing import Literal

Receiver = Literal["gmail", "outlook", "yahoo"]
"""Large receivers whose published rules a server can have."""

Check = Literal["spf", "dkim", "dmarc", "arc", "ptr", "dnsbl"]
Action = Literal["accept", "junk", "refuse", "later"]

AS_PUBLISHED = "as published"
ACTIONS = ("accept", "junk", "refuse", "later", AS_PUBLISHED)
RESULTS: dict[Check, tuple[str, ...]] = {
    "ptr": ("pass", "fail", "permerror", "temperror"),
    "dnsbl": ("listed", "not listed", "refused", "broken", "temperror"),
    "spf": ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"),
    "dkim": ("pass", "fail", "neutral", "none", "temperror", "permerror"),
    "arc": ("pass", "fail", "none", "temperror"),
    "dmarc": ("pass", "fail", "none", "temperror", "permerror"),
}
"""What each check can find, in the order in which they have their say."""

OF_CLIENT: tuple[Check, ...] = ("ptr", "dnsbl", "spf")
"""Those that need no message."""

AuthFailure = Literal["dmarc", "bodyhash", "revoked", "signature", "spf"]
AUTH_FAILURES: tuple[AuthFailure, ...] = ("dmarc", "bodyhash", "revoked", "signature", "spf")
"""What reports of single messages are about (RFC 6591 §3.3, RFC 9991 §4)."""

Delivery = Literal["delivered", "spam", "policy", "reject", "other"]
DELIVERIES: tuple[Delivery, ...] = ("delivered", "spam", "policy", "reject", "other")
"""What such a report says of the message's fate (RFC 6591 §3.2.2)."""
