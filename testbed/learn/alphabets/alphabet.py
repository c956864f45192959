"""What is said to a server to learn it, and how its answers are read: one alphabet for each protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

Said: TypeAlias = tuple[str, str]
"""An input that was sent, and its answer."""

GARBLED = "garbled"
"""The answer to an input where it is none of the protocol's."""


class Names(Struct, frozen=True):
    """Whom a dialogue speaks of.  ``user`` logs in with ``password``; ``nobody`` is an address without a mailbox."""

    client: str
    sender: str
    recipient: str
    nobody: str
    user: str
    password: str


class Reader(Protocol):
    """Reads one connection's answers, the greeting first."""

    def octets(self, name: str, text: str) -> bytes:
        """What goes over the wire for an input."""

    def answer(self, octets: bytes) -> str | None:
        """The answer in a word or two once it is whole; until then None.  ``octets`` are those that have just come."""


class Alphabet(Struct, frozen=True):
    """``inputs`` are asked unless others are chosen; ``more`` can be chosen besides.  Each has the text that is sent.

    ``would_send`` says whether a client would send an input after what it has said last (None at the start);
    ``uses_up`` whether a dialogue has taken a message out of the mailbox.  ``needs_mail``: one must lie there.
    TLS begins behind an input and an answer that are in ``begins_tls``.
    """

    name: str
    port: int
    inputs: Mapping[str, str]
    more: Mapping[str, str]
    reader: Callable[[], Reader]
    would_send: Callable[[Said | None, str], bool] = lambda last, name: True
    begins_tls: frozenset[Said] = frozenset()
    uses_up: Callable[[Sequence[Said]], bool] = lambda dialogue: False
    needs_mail: bool = False

    @property
    def secured_by(self) -> frozenset[str]:
        """The inputs that ask for TLS."""
        return frozenset(name for name, _ in self.begins_tls)

    def text(self, name: str, names: Names) -> str:
        """What is sent for an input."""
        template = self.inputs.get(name) or self.more[name]
        return template.format(
            client=names.client,
            sender=names.sender,
            recipient=names.recipient,
            nobody=names.nobody,
            user=names.user,
            password=names.password,
        )
