"""The author's domain: what From says, and what makes that doubtful (RFC 9989 §5.3.1, RFC 5322 §3.6.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from testbed.authentication.comments import without_comments
from testbed.authentication.message import Message
from testbed.authentication.names import a_label

_MAX_VALUE = 8_192
_MAX_SHOWN = 20
# Comments are taken out first, so what is left is quoted strings, the signs between addresses, and words.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[<>,;:]|[^<>,;:"]+', re.DOTALL)


class Author(Struct, frozen=True):
    """``domains`` of all addresses in From, each once; ``problem`` says why there is not exactly one, or ``""``."""

    domains: tuple[str, ...]
    problem: str = ""

    @property
    def domain(self) -> str:
        """The one author domain, or ``""``."""
        return "" if self.problem else self.domains[0]


def author_of(message: Message) -> Author:
    """Whom a message is from.

    Every text with an ``@`` outside quotes and comments counts as an address, also one that stands where only a name
    may: readers show one, checkers take the other.
    """
    fields = message.named("from")
    found: dict[str, None] = {}
    for field in fields[:_MAX_SHOWN]:
        found |= dict.fromkeys(_domains(field.value[:_MAX_VALUE].replace(b"\r\n", b"").decode("utf-8", "replace")))
    domains = tuple(found)
    if not fields:
        return Author((), "the message has no From field")
    if len(fields) > 1:
        return Author(domains, f"the message has {len(fields):,} From fields")
    if not domains:
        return Author((), "From holds no address with a domain")
    if len(domains) > 1:
        return Author(domains, f"From names {len(domains):,} domains: {', '.join(domains[:3])}")
    return Author(domains)


def _domains(value: str) -> Iterator[str]:
    for address in _addresses(without_comments(value)):
        domain = a_label(address.rpartition("@")[2])
        if domain:
            yield domain


def _addresses(value: str) -> Iterator[str]:
    """Every run of words between the signs that has an ``@``; quoted strings are part of it, their ``@`` is not."""
    run = ""
    for token in (*_TOKEN.findall(value), ","):
        if token in tuple("<>,;:"):
            if "@" in run:
                yield run
            run = ""
        else:
            run += '""' if token.startswith('"') else token
