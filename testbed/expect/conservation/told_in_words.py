"""Notifications that only people can read, as qmail writes them: no part of them says in fields what became of whom.

They need not be in RFC 3464's form to keep a promise (RFC 5321 §6.1), but none can be told from any other letter unless
it comes from the null path and names the recipient.
"""

from __future__ import annotations

from collections.abc import Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import programs, told_by_programs
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.log import AnyEntry, of


class ToldInWords:
    """What programs told the senders of mail in words."""

    def __init__(self, analysis: Analysis, carried: Sequence[Passage], log: Sequence[AnyEntry]) -> None:
        hosts = programs(analysis)
        given = {(passage.server, passage.message_id) for passage in carried}
        told = (*told_by_programs(analysis), *of(analysis.log, events.Fate))
        in_fields = {entry.event.dsn_id for entry in told}
        sent = {
            (p.client, p.message_id): p.recipient
            for p in carried
            if p.client in hosts and not p.sender and (p.client, p.message_id) not in given
            if p.message_id not in in_fields and p.promised
        }
        self._letters: list[tuple[str, str, str]] = []
        clients = {connection.number: connection.client.label for connection in analysis.connections}
        for mail in mail_objects(analysis, analysis.understanding.decrypted.flows) if sent else ():
            client = clients[mail.connection]
            if mail.direction == "to server" and (client, mail.message_id) in sent:
                text = mail.octets.decode("latin-1").lower()
                self._letters.append((client, sent[client, mail.message_id], text))
        self._stored = {
            (entry.host, entry.event.recipient.lower())
            for entry in of(log, events.Stored)
            if entry.host in hosts and entry.event.message_id not in in_fields
            if (entry.host, entry.event.message_id) not in given
        }

    def names(self, host: str, sender: str, recipient: str) -> bool:
        """Whether a host has sent the sender a notification in which the recipient's address is."""
        return any(by == host and to == sender and recipient in text for by, to, text in self._letters)

    def may_have_come(self, host: str, sender: str) -> bool:
        """Whether a message that nobody has sent lies in the sender's mailbox, which may tell of anybody."""
        return (host, sender) in self._stored
