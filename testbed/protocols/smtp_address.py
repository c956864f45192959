"""Mail addresses as SMTP commands carry them (RFC 5321 §4.1.2)."""

from __future__ import annotations


def recipient_of(argument: str) -> str:
    """The mailbox in ``TO:<bob@x.org> NOTIFY=NEVER`` or ``FROM:<>``; ``""`` for the null path.

    Lenient: without angle brackets, the first word after the colon is taken.
    """
    _, _, rest = argument.partition(":")
    rest = rest.strip()
    if rest.startswith("<"):
        return rest[1:].partition(">")[0]
    return rest.partition(" ")[0]


def domain_of(address: str) -> str:
    """The domain in lower case, without a trailing dot; ``""`` when there is none."""
    return address.rpartition("@")[2].rstrip(".").lower() if "@" in address else ""


def local_part_of(address: str) -> str:
    """What stands before the last ``@``."""
    return address.rpartition("@")[0] if "@" in address else address
