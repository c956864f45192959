"""What servers say when they refuse, and what they mean by it: a table of phrases, their causes and sources."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from testbed.protocols.refusals.causes import BY_DETAIL, IDLE, POLICY, Cause, Phrase
from testbed.protocols.refusals.clients import OF_CLIENTS
from testbed.protocols.refusals.contents import OF_CONTENTS
from testbed.protocols.refusals.mailboxes import OF_MAILBOXES
from testbed.protocols.refusals.senders import OF_SENDERS
from testbed.protocols.refusals.servers import OF_SERVERS

PHRASES: tuple[Phrase, ...] = (*OF_MAILBOXES, *OF_CLIENTS, *OF_SENDERS, *OF_CONTENTS, *OF_SERVERS)

_GAP = " … "
_MOST = 1_000  # characters of a reply that are looked at


class _Row(NamedTuple):
    first: str  # of the phrase's parts
    rest: tuple[str, ...]
    phrase: Phrase


_ROWS = [
    _Row(first, tuple(rest), phrase)
    for phrase in sorted(PHRASES, key=lambda phrase: -len(phrase.words))
    for first, *rest in [phrase.words.split(_GAP)]
]


def cause_of(code: str, enhanced: str, text: str) -> Cause | None:
    """Why a server refused, None where neither its words nor its codes tell.

    Words tell more than codes, and of several phrases the longest tells most.  Addresses are left out, for they hold
    what somebody else has written.  A detail of X.7 that no registry has is one of security or policy, as X.7.0 is.
    """
    words = text[:_MOST].lower().replace("’", "'").split()
    return _cause_of(code, enhanced, " ".join("@" if "@" in word else word for word in words))


@lru_cache(maxsize=4_096)
def _cause_of(code: str, enhanced: str, said: str) -> Cause | None:
    for row in [row for row in _ROWS if row[0] in said]:
        if _fits(row.phrase.needs, code, enhanced) and _follow(said, row):
            return row.phrase.cause
    detail = enhanced.partition(".")[2] if enhanced[:1] in ("4", "5") else ""
    return BY_DETAIL.get(detail, POLICY if detail.startswith("7.") else None)


def ends_idleness(code: str, enhanced: str, text: str) -> bool:
    """Whether a reply closes a connection because its client has said nothing for too long (RFC 5321 §4.5.3.2.7)."""
    return code.startswith("4") and (f"{code} {enhanced}" == "421 4.4.2" or cause_of(code, enhanced, text) is IDLE)


def _follow(said: str, row: _Row) -> bool:
    """Whether the other parts of a phrase come behind its first, in their order."""
    at = said.find(row.first) + len(row.first)
    for part in row.rest:
        at = said.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _fits(needs: str, code: str, enhanced: str) -> bool:
    return enhanced.startswith(needs) if "." in needs else code.startswith(needs)
