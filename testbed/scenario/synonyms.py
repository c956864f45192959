"""What people call things, and the words the scenario language has for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

SYNONYMS = {
    "blackhole": ("silent", "lose", "down"),
    "bounce": ("notification", "given back"),
    "broken": ("garble", "corrupt"),
    "busy": ("421", "450"),
    "count": ("times",),
    "dead": ("silent", "refused", "crash"),
    "delay": ("late", "pace"),
    "disconnect": ("close", "reset"),
    "down": ("refused", "unreachable", "silent", "crash"),
    "drop": ("lose", "lost", "close", "cut"),
    "dropped": ("lose", "lost", "close", "cut"),
    "eod": ("message",),
    "eom": ("message",),
    "end-of-data": ("message",),
    "endofdata": ("message",),
    "fin": ("close",),
    "freeze": ("stall", "silent"),
    "greylist": ("450", "451"),
    "greylisting": ("450", "451"),
    "hang": ("stall", "silent", "deaf"),
    "hangup": ("close", "reset"),
    "kill": ("crash",),
    "latency": ("delay", "late"),
    "loss": ("lose", "lost"),
    "mute": ("stall", "silent"),
    "offline": ("unreachable", "silent", "refused"),
    "overquota": ("full",),
    "quota": ("full",),
    "reject": ("refused", "reply"),
    "rst": ("reset",),
    "slow": ("drip", "sip", "delay", "pace"),
    "tempfail": ("450", "451", "452", "4.."),
    "throttle": ("pace", "drip", "sip"),
    "timeout": ("stall", "silent", "deaf"),
    "timed-out": ("stall", "silent", "deaf"),
    "truncate": ("octet", "cut"),
}


def meanings(word: str) -> tuple[str, ...]:
    """A word in lower case, in the singular, and what the language calls the same."""
    singular = word.casefold()
    if singular not in SYNONYMS and len(singular) > 3:
        singular = singular.removesuffix("s")
    return singular, *SYNONYMS.get(singular, ())


def mentions(text: str, words: Iterable[str]) -> bool:
    """Whether a word of a text begins with one of these, whatever the case of its letters."""
    return any(re.search(rf"(?<!\w){re.escape(word)}", text, re.IGNORECASE) for word in words)
