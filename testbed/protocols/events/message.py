"""What events that concern one message have in common."""

from __future__ import annotations

from testbed.protocols.events.event import LogEvent, event


@event()
class OfMessage(LogEvent):
    """Something done with a message; ``message_id`` is empty where it has none."""

    message_id: str


@event()
class ForRecipient(OfMessage):
    """Something done with a message for one recipient."""

    recipient: str


@event()
class ForRecipients(OfMessage):
    """Something done with a message for several recipients at once; ``sender`` is empty for the null path."""

    sender: str
    recipients: tuple[str, ...]
