"""Text of a message that a client sent although the server had refused DATA: to the server it was commands.

A server that closes at once answers none of it.  What looks like no command is one message then, and no dialogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from testbed.protocols.smtp import COMMANDS
from testbed.trace.model.exchange import Command, Exchange, ServiceResult
from testbed.trace.model.phase import Phase
from testbed.trace.services.credentials import MASK

SENT_TOO_EARLY = "sent before DATA was answered"


class SentTooEarly(Struct, ServiceResult, frozen=True):
    """Of a message: it was sent before DATA was answered, and DATA was refused."""


def as_message(unanswered: Iterable[Exchange], *, spilled: bool) -> Iterator[Exchange]:
    """What waits when the connection has ended, and where text was ``spilled``, its lines as one message."""
    text: list[Command] = []
    for exchange in unanswered:
        command = exchange.command
        if spilled and command is not None and command.verb not in COMMANDS and command.argument != MASK:
            text.append(command)
        else:
            yield exchange
    if text:
        frames = tuple(dict.fromkeys(frame for command in text for frame in command.frames))
        message = Command("message", "", frames, text[-1].time_ns, sum(command.octets for command in text))
        yield Exchange(Phase.TRANSFER, message, None, SENT_TOO_EARLY, SentTooEarly())
