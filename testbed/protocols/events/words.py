"""The words hosts log into a trace, and the inspector and the verdicts read back.

Every entry carries ``_HOSTNAME`` and the fields named here (see :meth:`testbed.pcap.write.TraceWriter.log`).
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What a host decided.  In parentheses: the fields of the entry."""

    LAB_STARTED = "lab-started"  # (scenario: the text of the file, file, seed, version)
    LAB_ENDED = "lab-ended"  # (scenario_seconds, real_seconds, reason)
    STEP = "step"  # a step of the scenario begins (line)
    CAME_TRUE = "came-true"  # everything expected has happened, and a wait for programs ends
    VISITED = "visited"  # a forwarded connection from outside the lab (to)
    FAULT = "fault"  # a fault did its work (line, at_frame where it is one packet)
    CRASHED = "crashed"  # a mail server's program died
    RESTARTED = "restarted"  # and runs again

    STARTED = "started"  # a program that plays a host (command, takes: whose mail nobody sees once it has taken it)
    SAID = "said"  # a line of a program's output (text)
    EXITED = "exited"  # a program ended (command, status, plays: the host it played)
    STOPPED = "stopped"  # a program that plays a host, at the end of the lab (status)
    REFUSED_OUTSIDE = "refused-outside"  # a packet that would have left the lab (source, destination, at_frame)

    SUBMITTED = "submitted"  # a user agent handed a message over (message_id, sender, recipients)
    SUBMISSION_FAILED = "submission-failed"  # (message_id, sender, recipients, status)
    KEPT = "kept-in-outbox"  # to be submitted again later (message_id, sender, recipients, retry_in)

    SENT_BY_WEB = "sent-by-web"  # a web mail handed a message over, or could not (sender, recipients, status)

    ACCEPTED = "accepted"  # answered 250 after the final dot (queue_id, message_id, sender, recipients, octets)
    REFUSED = "refused"  # a recipient or message refused by this host's own rules (recipient, status)
    STORED = "stored"  # in a mailbox (recipient, message_id, octets, body_sha256, sender, subject)
    SORTED = "sorted"  # a rule of the mailbox's owner decided (message_id, recipient, action)
    ANSWERED_FOR = "answered-for"  # a sender is told that the owner is away (message_id, recipient, sender, answer_id)
    EMPTIED = "emptied"  # a mailbox (mailbox, messages)

    FETCHED = "fetched"  # a user agent has read a message (mailbox, message_id, via)
    SEEN_ON_THE_WEB = "seen-on-the-web"  # somebody has looked at a web mail (mailbox, messages, subject)
    READING_FAILED = "reading-failed"  # it could not read, or not to the end (mailbox, via, status)
    DELETED = "deleted"  # a reader deleted a message (recipient, message_id, folder, via)
    FILED = "filed"  # a reader put a message into a folder (recipient, message_id, folder, how)
    TALKED = "talked"  # a client said what the scenario wrote (line, to, said, unsaid, status)

    ATTEMPT = "attempt"  # a relay starts to deliver (queue_id, message_id, recipients, domain, attempt)
    ROUTE = "route"  # where it will try (domain, hosts) or why nowhere (domain, status)
    TLS_FAILED = "tls-failed"  # a server's TLS handshake failed (peer, reason)
    IN_CLEAR = "in-clear"  # a client goes on without TLS, which it may (next_hop, status)
    HOP_FAILED = "hop-failed"  # one address of one host could not take it (next_hop, address, status)
    FORWARDED = "forwarded"  # mail for a user goes on elsewhere (queue_id, message_id, recipient, target)
    RELAYED = "relayed"  # the next hop answered 250 (queue_id, message_id, recipient, next_hop, status)
    DEFERRED = "deferred"  # (queue_id, message_id, recipient, status, retry_in)
    NOTIFIED = "notified"  # the sender is told of a delay or a success (action, and the fields of bounced)
    BOUNCED = "bounced"  # given back to the sender (queue_id, message_id, recipient, status, dsn_id, sender)
    DISCARDED = "discarded"  # a notification, or what NOTIFY forbids, is not bounced (message_id, recipient)

    ANSWERED = "answered"  # a name server answered (question, rcode, records)

    HOLDS_MAIL = "holds-mail"  # inventory at the end: in a mailbox (recipient, message_id, folder)
    HOLDS_QUEUE = "holds-queue"  # inventory at the end: in a queue (queue_id, message_id, recipient, attempts)
