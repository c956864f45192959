"""What mail servers log of mailboxes and of those who read them."""

from __future__ import annotations

from testbed.protocols.events.event import LogEvent, event
from testbed.protocols.events.message import ForRecipient, OfMessage


@event("stored")
class Stored(ForRecipient):
    """A message is in the mailbox of ``recipient``.

    ``alias`` is the address it was sent to where that is another one.  What is only seen in packets has no digest.
    Where a program stored it, ``header`` are digests of its fields (:func:`testbed.protocols.header.field_digests`),
    and ``text_sha256`` is that of its body up to the last line that is not empty: formats differ in how a file ends.
    Where it lies in an mbox file, ``unquoted_sha256`` is that of the text without marks of quotation.
    ``loose_sha256`` is its body's :func:`testbed.protocols.line_ends.loose_digest`.
    """

    alias: str = ""
    octets: int | None = None
    body_sha256: str = ""
    header: tuple[str, ...] = ()
    text_sha256: str = ""
    unquoted_sha256: str = ""
    loose_sha256: str = ""
    sender: str
    subject: str


@event("found")
class Found(Stored):
    """Inventory at the end: a program gave the lab this message of ``recipient``, who asked for all of his mail.

    When it was stored nobody has seen.
    """

    folder: str


READS_AT_THE_END = "reader.lab"
"""Who asks programs at the end for all that is in their mailboxes: the lab itself, from an address of its own."""


@event("mailbox-read")
class MailboxRead(LogEvent):
    """The lab asked a program at the end for all that is in a mailbox; each message is a :class:`Found`.

    ``via`` is the protocol.  ``failed`` says why nothing is known of it.
    """

    mailbox: str
    via: str = ""
    messages: int = 0
    failed: str = ""


@event("sorted")
class Sorted(ForRecipient):
    """A rule of the mailbox's owner decided: ``discard``, ``fileinto``, …"""

    action: str


@event("answered-for")
class AnsweredFor(ForRecipient):
    """A sender is told, in a message with the id ``answer_id``, that the recipient is away."""

    sender: str
    answer_id: str


@event("deleted")
class Deleted(ForRecipient):
    """A reader deleted a message, ``via`` POP3 or IMAP."""

    folder: str
    via: str


@event("filed")
class Filed(ForRecipient):
    """A reader put a message into a folder; ``how`` is ``moved``, ``copied`` or ``appended``."""

    folder: str
    how: str


@event("emptied")
class Emptied(LogEvent):
    """A step emptied a mailbox of so many messages."""

    mailbox: str
    messages: int


@event("holds-file")
class HoldsFile(OfMessage):
    """Inventory at the end: a message lies in a file below a program's directory."""

    file: str


@event("queue-listed")
class QueueListed(LogEvent):
    """What a program says of its queue at the end; each recipient it names is a :class:`HoldsListed`.

    ``form`` is that of the listing (:mod:`testbed.protocols.queue_listing`).  ``complete`` is 1 where nobody else is in
    the queue.  ``failed`` says why nothing is known of it.
    """

    command: str
    form: str = ""
    complete: int = 0
    failed: str = ""


@event("holds-listed")
class HoldsListed(LogEvent):
    """A program says that mail for a recipient waits in its queue; ``sender`` is ``*`` where it does not say whose."""

    recipient: str
    sender: str


@event("holds-mail")
class HoldsMail(ForRecipient):
    """Inventory at the end: a message lies in a mailbox."""

    folder: str
