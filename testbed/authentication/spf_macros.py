"""Macros of SPF, expanded (RFC 7208 §7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from msgspec import Struct

from testbed.authentication.spf_record import Malformed, check_macros

_MACRO = re.compile(r"%(?:\{([slodipvhcrt])(\d*)(r?)([-.+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_MAX = 4_096


class Facts(Struct, frozen=True):
    """What macros stand for.  ``validated`` gives the name of ``%{p}`` when it is asked for."""

    client: IPv4Address | IPv6Address
    sender: str
    helo: str
    receiver: str
    now: int
    validated: Callable[[str], str]

    def value(self, letter: str, domain: str) -> str:
        """What a letter stands for in the record of a domain."""
        local, _, of = self.sender.rpartition("@")
        values = {
            "s": self.sender,
            "l": local,
            "o": of,
            "d": domain,
            "i": _dotted(self.client),
            "v": "in-addr" if self.client.version == 4 else "ip6",
            "h": self.helo,
            "c": str(self.client),
            "r": self.receiver or "unknown",
            "t": str(self.now),
        }
        return values[letter] if letter in values else self.validated(domain)


def expand(spec: str, facts: Facts, domain: str) -> str:
    """A spec without macros, of which :func:`~testbed.authentication.spf_record.check_macros` found none wrong."""
    return _MACRO.sub(lambda macro: _one(macro, facts, domain), spec)[:_MAX]


def expand_name(spec: str, facts: Facts, domain: str) -> str:
    """A domain: of one longer than 253 characters labels are taken off its front (§7.3)."""
    name = expand(spec, facts, domain).removesuffix(".")
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


def explanation(text: str, facts: Facts, domain: str) -> str:
    """What an explanation comes to, safe to show; ``""`` for one that is wrong anywhere (§6.2)."""
    if not text.isascii():
        return ""
    try:
        for word in text.split(" "):
            check_macros(word, word)
    except Malformed:
        return ""
    return "".join(c if c.isprintable() else "?" for c in expand(text, facts, domain))[:500]


def _one(macro: re.Match[str], facts: Facts, domain: str) -> str:
    letter, digits, reverse, delimiters, sign = macro.groups()
    if sign:
        return {"%": "%", "_": " ", "-": "%20"}[sign]
    value = facts.value(letter.lower(), domain)[:_MAX]
    if digits or reverse or delimiters:
        parts = re.split("[" + re.escape(delimiters or ".") + "]", value)
        if reverse:
            parts.reverse()
        value = ".".join(parts[-int(digits[:4]) :] if digits and int(digits[:4]) else parts)
    return quote(value, safe="") if letter.isupper() else value


def _dotted(client: IPv4Address | IPv6Address) -> str:
    return str(client) if client.version == 4 else ".".join(client.exploded.replace(":", "").upper())
