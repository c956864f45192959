"""What readers did to mail, for its conservation: deleted on the wire, and moved without being doubled."""

from __future__ import annotations

from collections import Counter

from testbed.plural import times
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.log import of

_EXPUNGING = frozenset(("EXPUNGE", "UID EXPUNGE", "CLOSE", "DELETE"))


def deletes(connection: Connection) -> bool:
    """Whether a POP3 or IMAP dialogue deletes mail: DELE is answered and QUIT is said, or something is expunged."""
    marked = False
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        if command is None:
            continue
        if command.verb in _EXPUNGING or (marked and command.verb == "QUIT"):
            return True
        if command.verb == "DELE" and reply is not None and reply.code == "+OK":
            marked = True
        elif command.verb == "RSET":
            marked = False
    return False


def in_two_folders(analysis: Analysis) -> list[str]:
    """Messages that lie in a mailbox more often than they were delivered to it or copied in it, in sentences."""
    held: dict[tuple[str, str], list[str]] = {}
    put: Counter[tuple[str, str]] = Counter()
    for entry in of(analysis.log, events.ForRecipient):
        event = entry.event
        which = event.message_id, event.recipient.lower()
        if isinstance(event, events.HoldsMail):
            held.setdefault(which, []).append(event.folder)
        elif isinstance(event, events.Stored) or (isinstance(event, events.Filed) and event.how != "moved"):
            put[which] += 1
    return [
        f"{message_id} lies in {' and '.join(folders)} of {owner}, but was put there only "
        f"{times(put[message_id, owner])}"
        for (message_id, owner), folders in held.items()
        if put[message_id, owner] and len(folders) > put[message_id, owner]
    ]
