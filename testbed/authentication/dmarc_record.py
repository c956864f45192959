"""A policy record of DMARC, read (RFC 9989 §4.7, §4.8)."""

from __future__ import annotations

import re
from typing import Literal, cast

from msgspec import Struct

from testbed.authentication import tags

Policy = Literal["none", "quarantine", "reject"]
Alignment = Literal["r", "s"]
PublicSuffix = Literal["y", "n", "u"]

REMOVED = ("pct", "rf", "ri")  # of RFC 7489; RFC 9989 knows them no more
_POLICIES = ("none", "quarantine", "reject")
_MAILTO = re.compile(r"mailto:[^\s,!;]+@[^\s,!;]+", re.IGNORECASE)
_VERSION = re.compile(r"[ \t]*v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_MAX_ADDRESSES = 20


class Record(Struct, frozen=True):
    """What a domain's owner wishes.

    ``policy``, ``subdomains`` and ``nonexistent`` are p, sp and np; of the last two ``None`` is unsaid.  ``testing``
    is t=y, ``reports`` and ``failures`` the mail addresses of rua and ruf.  ``broken`` says that p is missing, or
    that one of the three is none of the words: then p=none holds where reports are wanted, and nothing where they are
    not (§4.10.1).
    """

    text: str
    policy: Policy = "none"
    subdomains: Policy | None = None
    nonexistent: Policy | None = None
    dkim: Alignment = "r"
    spf: Alignment = "r"
    testing: bool = False
    public_suffix: PublicSuffix = "u"
    reports: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    failure_options: str = "0"
    broken: bool = False
    removed: tuple[str, ...] = ()


def is_record(text: str) -> bool:
    """Whether a TXT record is one of DMARC; nothing may stand before its version."""
    return _VERSION.match(text) is not None


def parse(text: str) -> Record:
    """Read a record of which :func:`is_record` holds.  What cannot be read counts for unsaid (§4.8)."""
    found = _lenient(text)
    wanted = {tag: found.get(tag, "").lower() for tag in ("p", "sp", "np")}
    broken = "p" not in found or any(word not in _POLICIES for tag, word in wanted.items() if tag in found)
    return Record(
        text,
        _policy(wanted["p"]) or "none",
        None if broken else _policy(wanted["sp"]),
        None if broken else _policy(wanted["np"]),
        "s" if found.get("adkim", "").lower() == "s" else "r",
        "s" if found.get("aspf", "").lower() == "s" else "r",
        found.get("t", "").lower() == "y",
        cast(PublicSuffix, suffix) if (suffix := found.get("psd", "u").lower()) in ("y", "n") else "u",
        _addresses(found.get("rua", "")),
        _addresses(found.get("ruf", "")),
        found.get("fo", "0")[:20],
        broken,
        tuple(tag for tag in REMOVED if tag in found),
    )


def _policy(word: str) -> Policy | None:
    return cast(Policy, word) if word in _POLICIES else None


def _addresses(value: str) -> tuple[str, ...]:
    uris = [uri.strip().partition("!")[0] for uri in value.split(",")[:_MAX_ADDRESSES]]
    return tuple(uri[7:] for uri in uris if _MAILTO.fullmatch(uri))


def _lenient(text: str) -> dict[str, str]:
    """Tags and values; of a tag that stands twice the first, and nothing of what is none."""
    found: dict[str, str] = {}
    for part in text.split(";", tags.MAX_TAGS)[: tags.MAX_TAGS]:
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found
