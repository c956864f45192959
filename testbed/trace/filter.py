"""Choosing connections by what was understood of them: ``service=smtp``, ``host=crepes.fr``, ``finding=any``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from testbed.errors import UsageError
from testbed.trace.model import Connection

# What a term is compared with: every one of these texts, in lower case.
_TERMS: dict[str, Callable[[Connection], Iterable[str]]] = {
    "client": lambda c: (c.client.address, c.client.name),
    "server": lambda c: (c.server.address, c.server.name),
    "host": lambda c: (c.client.address, c.client.name, c.server.address, c.server.name),
    "port": lambda c: (str(c.client.port), str(c.server.port)),
    "service": lambda c: (c.service, c.transport),
    "state": lambda c: (c.conn_state,),
    "handshake": lambda c: (c.handshake,),
    "closure": lambda c: (c.closure, f"{c.closure} by {c.closed_by}"),
    "finding": lambda c: [f.code for f in c.findings] + (["any"] if c.findings else ["none"]),
    "severity": lambda c: [f.severity for f in c.findings],
    "reply": lambda c: [text for e in c.exchanges if e.reply for text in (e.reply.code, e.reply.enhanced)],
    "mail": lambda c: [a for t in c.transactions for a in (t.sender, *(r.address for r in t.recipients))],
    "message-id": lambda c: [t.message_id for t in c.transactions],
}

TERMS = tuple(_TERMS)


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: the term's value is, or is not, one of some words."""

    term: str
    words: tuple[str, ...]
    wanted: bool

    def accepts(self, connection: Connection) -> bool:
        """Whether a connection passes."""
        values = {str(value).lower() for value in _TERMS[self.term](connection)}
        return any(word in values for word in self.words) is self.wanted


def parse_filter(text: str) -> Filter:
    """``term=word``, ``term=word,word`` (either), ``term!=word``.  Raises UsageError."""
    term, separator, value = text.partition("=")
    wanted = not term.endswith("!")
    term = term.removesuffix("!").strip().lower()
    words = tuple(word.strip().lower() for word in value.split(",") if word.strip())
    if term not in _TERMS:
        near = get_close_matches(term, TERMS, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"write one of {', '.join(TERMS)}"
        raise UsageError(f"--filter {text}: there is no term '{term}'; {hint}")
    if not separator or not words:
        raise UsageError(f"--filter {text}: write {term}=WORD or {term}!=WORD")
    return Filter(term, words, wanted)


def choose(connections: Iterable[Connection], filters: Sequence[Filter]) -> tuple[Connection, ...]:
    """The connections that pass every filter."""
    return tuple(c for c in connections if all(condition.accepts(c) for condition in filters))
