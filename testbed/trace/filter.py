"""Choosing connections by what was understood of them: ``service=smtp``, ``host=crepes.fr``, ``finding=any``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from msgspec import Struct
from msgspec.structs import replace

from testbed.errors import UsageError
from testbed.pcap.parts import cores
from testbed.trace.analysis import ONE_BY_ONE, Analysis
from testbed.trace.glance.kind import ConnectionKind, kind_of
from testbed.trace.model.connection import Closure, Connection, Endpoint, Handshake
from testbed.trace.model.finding import Severity
from testbed.trace.services.table import NAMES
from testbed.trace.tcp.zeek import STATES

# What a term is compared with: every one of these texts, in lower case.  First those told by the two ends, client and
# server, then those that are the same for all connections that went alike, then what only the connection tells.
_OF_ENDS: dict[str, Callable[[Endpoint, Endpoint], Iterable[str]]] = {
    "client": lambda client, server: (client.address, client.name),
    "server": lambda client, server: (server.address, server.name),
    "host": lambda client, server: (client.address, client.name, server.address, server.name),
    "port": lambda client, server: (str(client.port), str(server.port)),
}
_OF_KIND: dict[str, Callable[[ConnectionKind], Iterable[str]]] = {
    "service": lambda k: (k.service, k.transport),
    "state": lambda k: (k.conn_state,),
    "handshake": lambda k: (k.handshake,),
    "closure": lambda k: (k.closure, f"{k.closure} by {k.closed_by}"),
    "finding": lambda k: [code for code, _ in k.findings] + (["any"] if k.findings else ["none"]),
    "severity": lambda k: [severity for _, severity in k.findings],
    "reply": lambda k: [word for turn in k.dialogue for reply in turn.replies for word in (*reply, " ".join(reply))],
}
_OF_CONNECTION: dict[str, Callable[[Connection], Iterable[str]]] = {
    "mail": lambda c: [a for t in c.transactions for a in (t.sender, *(r.address for r in t.recipients))],
    "message-id": lambda c: [message.letter.message_id for message in c.messages],
}

TERMS = (*_OF_ENDS, *_OF_KIND, *_OF_CONNECTION)

# Terms whose words are known before any capture is read.
_KNOWN: dict[str, tuple[str, ...]] = {
    "service": (*NAMES, "tcp", "udp"),
    "state": STATES,
    "handshake": tuple(Handshake),
    "closure": tuple(Closure),
    "severity": tuple(Severity),
}
_MOST_VALUES = 10_000


class Filter(Struct, frozen=True):
    """One condition: the term's value is, or is not, one of some words."""

    term: str
    words: tuple[str, ...]
    wanted: bool

    def accepts(self, connection: Connection) -> bool:
        """Whether a connection passes."""
        if self.term in _OF_CONNECTION:
            return self._holds(_OF_CONNECTION[self.term](connection))
        return self.may_accept(kind_of(connection)) and self.may_accept_ends(connection.client, connection.server)

    def may_accept(self, kind: ConnectionKind) -> bool:
        """Whether connections of a kind can pass."""
        return self.term not in _OF_KIND or self._holds(_OF_KIND[self.term](kind))

    def may_accept_ends(self, client: Endpoint, server: Endpoint) -> bool:
        """Whether connections between two ends can pass."""
        return self.term not in _OF_ENDS or self._holds(_OF_ENDS[self.term](client, server))

    def _holds(self, values: Iterable[str]) -> bool:
        told = {value.lower() for value in values}
        return any(word in told for word in self.words) is self.wanted


def parse_filter(text: str) -> Filter:
    """``term=word``, ``term=word,word`` (either), ``term!=word``.  Raises UsageError."""
    term, separator, value = text.partition("=")
    wanted = not term.endswith("!")
    term = term.removesuffix("!").strip().lower()
    words = tuple(word.strip().lower() for word in value.split(",") if word.strip())
    if term not in TERMS:
        near = get_close_matches(term, TERMS, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"write one of {', '.join(TERMS)}"
        raise UsageError(f"--filter {text}: there is no term '{term}'; {hint}")
    if not separator or not words:
        raise UsageError(f"--filter {text}: write {term}=WORD or {term}!=WORD")
    _refuse_unknown(text, term, words)
    return Filter(term, words, wanted)


def _refuse_unknown(text: str, term: str, words: Sequence[str]) -> None:
    """Raises UsageError for a word that a term can never have."""
    known = {one.lower(): one for one in _KNOWN.get(term, ())}
    for word in words:
        if known and (word.partition(" by ")[0] if term == "closure" else word) not in known:
            near = get_close_matches(word, list(known), 1)
            hint = f"did you mean '{known[near[0]]}'?" if near else f"write one of {', '.join(known.values())}"
            raise UsageError(f"--filter {text}: there is no {term} '{word}'; {hint}")


def choose(analysis: Analysis, filters: Sequence[Filter]) -> Analysis:
    """The analysis with only those connections chosen that pass every filter."""
    understanding, numbers = analysis.understanding, analysis.connections.numbers
    if len(numbers) > ONE_BY_ONE:
        summary = analysis.summary(cores())
        possible = [all(condition.may_accept(kind) for condition in filters) for kind in summary.kinds]
        kinds = summary.kind.tolist()
        numbers = [number for number in numbers if possible[kinds[understanding.index(number)]]]
    chosen = []
    for number in numbers:
        ends = understanding.ends(number)
        if all(condition.may_accept_ends(*ends) for condition in filters):
            connection = understanding.of(number).connection
            if all(condition.accepts(connection) for condition in filters):
                chosen.append(number)
    return replace(analysis, chosen=tuple(chosen))


def values_of(analysis: Analysis, term: str) -> set[str]:
    """The words a term has in a capture, in lower case; of a large one, of its first connections only."""
    found: set[str] = set()
    numbers = analysis.connections.numbers
    if term in _OF_ENDS:
        for number in numbers[:_MOST_VALUES]:
            found.update(_OF_ENDS[term](*analysis.understanding.ends(number)))
    elif term in _OF_KIND and len(numbers) > ONE_BY_ONE:
        for kind in analysis.summary(cores()).kinds:
            found.update(_OF_KIND[term](kind))
    else:
        for number in numbers[:ONE_BY_ONE]:
            connection = analysis.understanding.of(number).connection
            found.update(_OF_KIND[term](kind_of(connection)) if term in _OF_KIND else _OF_CONNECTION[term](connection))
    return {value.lower() for value in found if value and not value.endswith(" ")}  # who closed may be unknown
