"""Mail that ended in silence, as it may: what nobody is to hear of, and what nobody would hear of (RFC 5321 §6.1).

A program that was refused for good has done all that it owes, where the sender wants to hear of no failure (RFC 3461
§4.1), and where its notification was refused, too.  Where the reverse-path or the recipient of that is refused, no
message shows whose fate it would have told of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import programs
from testbed.protocols.smtp import path_of
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection

_ANYBODY = ""  # the server would not hear for whom it was


class EndedInSilence:
    """What next hops have refused for good to programs."""

    def __init__(self, analysis: Analysis, carried: Sequence[Passage]) -> None:
        hosts = programs(analysis)
        passed_on = {(p.server, p.recipient) for p in carried if not p.sender and p.promised}  # is others' mail
        relayed = {server for server, _ in passed_on}
        by_programs = [one for one in analysis.connections if one.client.label in hosts]
        self._refused = {
            (connection.client.label, recipient)
            for connection in by_programs
            for sender, recipient, _ in _refused(connection)
        }
        self._notices = [
            (host, recipient, frame)
            for connection in by_programs
            for sender, recipient, frame in (*_refused(connection), *_null_path_refused(connection))
            if not sender
            if (host := connection.client.label) not in relayed or (recipient and (host, recipient) not in passed_on)
        ]

    def silent(self, promise: Passage) -> bool:
        """Whether a promise, of whose failure nobody is to hear, came to its end by a refusal."""
        return promise.silent and (promise.server, promise.recipient) in self._refused

    def notices(self, promise: Passage) -> int:
        """How many notifications were refused since, that may have told of a promise."""
        return sum(
            host == promise.server and to in (promise.sender, _ANYBODY) and frame > max(promise.frames, default=0)
            for host, to, frame in self._notices
        )


def _refused(connection: Connection) -> Iterator[tuple[str, str, int]]:
    """Senders and recipients whose mail was refused, and where it was offered."""
    for transaction in connection.transactions:
        for recipient in transaction.recipients:
            if recipient.decisive is not None and recipient.decisive.code[:1] == "5":
                yield transaction.sender, recipient.address.lower(), max(transaction.frames, default=0)


def _null_path_refused(connection: Connection) -> Iterator[tuple[str, str, int]]:
    """Where the null path was refused before anybody was named, in the same form."""
    if any(transaction.recipients and not transaction.sender for transaction in connection.transactions):
        return
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None or reply is None or command.verb != "MAIL" or reply.code[:1] != "5":
            continue
        if command.argument[:5].upper() == "FROM:" and not path_of(command.argument):
            yield "", _ANYBODY, max(command.frames, default=0)
