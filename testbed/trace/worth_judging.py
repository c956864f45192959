"""Whether a capture holds anything that tells who sent its messages, asked before anything is loaded for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange

if TYPE_CHECKING:
    from testbed.authentication.lookup import Lookup
    from testbed.trace.authentication.answers import Told

_SIGNED = re.compile(rb"(?im)^(?:dkim-signature|arc-seal)[ \t]*:")
# A question to a block list: an address backwards, then the list (RFC 5782 §2.1, §2.4).
REVERSED = re.compile(r"((?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]\.){31}[0-9a-f])\.([^.]+\..+)")
_OF_NAME_SERVERS = frozenset(("dns",))


class KnownElsewhere(Struct, frozen=True):
    """What DNS said that the capture does not hold: in zone files, and in other captures, read when they are needed."""

    zone: Lookup | None = None
    elsewhere: Callable[[], Iterable[Told]] = tuple

    @property
    def given(self) -> bool:
        """Whether anybody has given answers."""
        return self.zone is not None


NOTHING_KNOWN = KnownElsewhere()


def worth_judging(connections: Iterable[Connection], *, answered: bool = False) -> bool:
    """Whether there is a mail transaction, and besides a signature, or an answer that tells of senders.

    ``answered`` tells that answers come from elsewhere.
    """
    mail = signed = False
    for connection in connections:
        if connection.service in _OF_NAME_SERVERS:
            answered = answered or any(map(_tells, connection.exchanges))
        for transaction in connection.transactions:
            mail = True
            signed = signed or (transaction.whole and _SIGNED.search(transaction.letter.header) is not None)
        if mail and (signed or answered):
            return True
    return False


def _tells(exchange: Exchange) -> bool:
    """Whether an exchange with a name server is about a record of senders, a client's name, or a block list."""
    asked = exchange.command
    if asked is None or exchange.reply is None:
        return False
    return asked.verb in ("TXT", "PTR") or (asked.verb == "A" and REVERSED.match(asked.argument) is not None)
