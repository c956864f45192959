"""What those log who send and read mail: user agents, web mails, clients that say what they are told."""

from __future__ import annotations

from testbed.protocols.events.event import LogEvent, event
from testbed.protocols.events.message import ForRecipients, OfMessage


@event("submitted")
class Submitted(ForRecipients):
    """A user agent handed a message over."""


@event("submission-failed")
class SubmissionFailed(ForRecipients):
    """And could not."""

    status: str


@event("kept-in-outbox")
class KeptInOutbox(ForRecipients):
    """To be submitted again after so many seconds."""

    retry_in: int


@event("sent-by-web")
class SentByWeb(LogEvent):
    """A web mail handed a message over, or could not; ``status`` is why."""

    sender: str
    recipients: tuple[str, ...]
    status: str = ""


@event("fetched")
class Fetched(OfMessage):
    """A user agent has read a message, ``via`` POP3 or IMAP."""

    mailbox: str
    octets: int
    via: str


@event("reading-failed")
class ReadingFailed(LogEvent):
    """It could not read, or not to the end."""

    mailbox: str
    via: str
    status: str


@event("seen-on-the-web")
class SeenOnTheWeb(LogEvent):
    """Somebody has looked at a web mail; ``subject`` is the newest message's."""

    mailbox: str
    messages: int
    subject: str


@event("talked")
class Talked(LogEvent):
    """A client said what the step at this line has written: so many parts of it, and so many not."""

    line: int
    to: str
    said: int
    unsaid: int
    status: str
