"""What goes wrong in LMTP and cannot in SMTP: a message answered for some of its recipients only."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.finding import Finding, Severity

_MOST_NAMED = 5


def unanswered_recipients(connection: Connection) -> Iterator[Finding]:
    """Recipients of a message that never got their own reply, though others did."""
    if connection.transport.gaps:
        return
    for transaction in connection.transactions:
        message = transaction.message
        without = [to.address for to in transaction.recipients if to.in_doubt and to.final is None]
        if message is None or message.reply is None or not without:
            continue
        whom = ", ".join(without[:_MOST_NAMED])
        whom += f" and {len(without) - _MOST_NAMED} more" if len(without) > _MOST_NAMED else ""
        if connection.ending.closure is Closure.OPEN:
            text = f"the capture has no reply from {connection.server.label} to the message for {whom}"
            yield connection.finding("capture-ends", Severity.INFO, text, message.frames[-1:], "")
            continue
        text = f"{connection.server.label} answered the message for some of its recipients, but not for {whom}: "
        text += f"{connection.client.label} cannot know whether it was taken for them, and will send it again"
        frames = tuple(dict.fromkeys((*message.frames[-1:], *connection.ending.frames[:1])))
        reference = "RFC 2033 §4.2, RFC 1047"
        yield connection.finding("reply-to-message-lost", Severity.ERROR, text, frames, reference)
