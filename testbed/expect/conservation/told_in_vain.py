"""Notifications that programs have sent and nobody took: who made one has told all that it had to tell (RFC 5321 §6.1).

Where the reverse-path or the recipient is refused, no message shows whose fate it would have told of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import programs
from testbed.protocols.smtp import path_of
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection

_ANYBODY = ""  # the server would not hear for whom it was


class ToldInVain:
    """What programs were to tell from the null path, and was refused for good."""

    def __init__(self, analysis: Analysis, carried: Sequence[Passage]) -> None:
        hosts = programs(analysis)
        passed_on = {(p.server, p.recipient) for p in carried if not p.sender and p.promised}  # is others' mail
        relayed = {server for server, _ in passed_on}
        self._refused = [
            (host, recipient, frame)
            for connection in analysis.connections
            if (host := connection.client.label) in hosts
            for recipient, frame in _refused(connection)
            if ((host, recipient) not in passed_on if recipient is not _ANYBODY else host not in relayed)
        ]

    def count(self, host: str, sender: str, since: int) -> int:
        """How many notifications a host has tried to give to the sender of mail, behind a frame."""
        return sum(by == host and to in (sender, _ANYBODY) and frame > since for by, to, frame in self._refused)


def _refused(connection: Connection) -> Iterator[tuple[str, int]]:
    """The recipients who were refused mail from the null path, and where it was offered."""
    named = False
    for transaction in connection.transactions:
        for recipient in transaction.recipients if not transaction.sender else ():
            named = True
            if recipient.decisive is not None and recipient.decisive.code[:1] == "5":
                yield recipient.address.lower(), max(transaction.frames, default=0)
    for exchange in connection.exchanges if not named else ():
        command, reply = exchange.command, exchange.reply
        if command is None or reply is None or command.verb != "MAIL" or reply.code[:1] != "5":
            continue
        if command.argument[:5].upper() == "FROM:" and not path_of(command.argument):
            yield _ANYBODY, max(command.frames, default=0)
