"""What servers log of mail they take and pass on, and of names they are asked for.

``status`` is the reply or enhanced code that decided; ``queue_id`` is empty where a server has no queue for it.
"""

from __future__ import annotations

from testbed.protocols.events.event import LogEvent, event
from testbed.protocols.events.message import ForRecipient, ForRecipients, OfMessage


@event("accepted")
class Accepted(ForRecipients):
    """Answered 250 after the final dot."""

    queue_id: str = ""
    octets: int | None = None


@event("refused")
class Refused(LogEvent):
    """A recipient or message refused by this host's own rules."""

    recipient: str
    status: str


@event("attempt")
class Attempt(OfMessage):
    """A relay starts to deliver; attempts count from 1."""

    queue_id: str
    recipients: tuple[str, ...]
    domain: str
    attempt: int


@event("route")
class Route(LogEvent):
    """The hosts it will try, or, where there are none, why."""

    domain: str
    hosts: tuple[str, ...] = ()
    status: str = ""


@event("tls-failed")
class TlsFailed(LogEvent):
    """A server's TLS handshake failed."""

    peer: str
    reason: str


@event("tls-unread")
class TlsUnread(LogEvent):
    """TLS of a client with a program passes unread, for this reason: no fault strikes behind it."""

    peer: str
    reason: str


@event("in-clear")
class InClear(LogEvent):
    """A client goes on without TLS, which it may."""

    next_hop: str
    status: str


@event("hop-failed")
class HopFailed(LogEvent):
    """One address of one host could not take it."""

    next_hop: str
    address: str
    status: str


@event("reused")
class Reused(LogEvent):
    """A connection that is open still takes another message; so many it has taken."""

    next_hop: str
    address: str
    messages: int


@event("forwarded")
class Forwarded(ForRecipient):
    """Mail for a user goes on to ``target``."""

    queue_id: str
    target: str


@event("expanded")
class Expanded(ForRecipient):
    """Mail for a list goes on to its ``members``, each with the envelope sender at the same place of ``senders``."""

    queue_id: str
    members: tuple[str, ...]
    senders: tuple[str, ...]


@event("relayed")
class Relayed(ForRecipient):
    """The next hop answered 250."""

    queue_id: str
    next_hop: str
    status: str


@event("deferred")
class Deferred(ForRecipient):
    """To be tried again after so many seconds."""

    queue_id: str
    status: str
    retry_in: int


@event()
class Fate(ForRecipient):
    """What became of a message, and whether its sender is told: in the message ``dsn_id``, empty where he is not.

    ``action`` is a word of RFC 3464 §2.3.3: ``failed``, ``delayed``, ``delivered``, ``relayed``.
    """

    queue_id: str = ""
    status: str
    dsn_id: str = ""
    sender: str
    action: str = "failed"


@event("bounced")
class Bounced(Fate):
    """Given back to the sender."""


@event("discarded")
class Discarded(Fate):
    """A notification, or what NOTIFY forbids, is not bounced."""


@event("notified")
class Notified(Fate):
    """The sender is told of a delay or a success."""


@event("misreported")
class Misreported(ForRecipient):
    """A notification lies in the mailbox of ``recipient`` in a wrong form: what is wrong, in sentences."""

    problems: str


@event("holds-queue")
class HoldsQueue(ForRecipient):
    """Inventory at the end: a queue still owes a message."""

    queue_id: str
    attempts: int


@event("answered")
class Answered(LogEvent):
    """A name server answered; ``records`` with ``;`` between them."""

    question: str
    rcode: str
    records: str = ""
