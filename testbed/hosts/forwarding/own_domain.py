"""The domain of a relay: its mailboxes, and the addresses that stand for others, whoever brings the mail."""

from __future__ import annotations

from collections.abc import Callable

from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.forwarding.onward import Forwarding, Onward
from testbed.hosts.forwarding.sealing import Finding
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.queue.store import QueuedMessage
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import header_field, named

Enqueue = Callable[[Envelope, bytes], QueuedMessage]


class OwnDomain:
    """Delivers to mailboxes, and passes on what is for others, once :meth:`through` has been told a queue."""

    def __init__(self, site: Site, post_office: PostOffice, forwarding: Forwarding) -> None:
        self._site = site
        self._post_office = post_office
        self._forwarding = forwarding
        self._enqueue: Enqueue | None = None

    def through(self, enqueue: Enqueue) -> None:
        """What goes on goes through this queue."""
        self._enqueue = enqueue

    def serves(self, recipient: str) -> bool:
        """Whether the recipient's domain is this one."""
        return self._post_office.serves(recipient)

    def passes_on(self, recipient: str) -> bool:
        """Whether the recipient is one of the domain's addresses that stand for others."""
        return self.serves(recipient) and self._forwarding.knows(recipient)

    def refusal(self, recipient: str) -> str:
        """Why a recipient cannot be accepted, as a reply to RCPT, or ``""``."""
        if self.passes_on(recipient):
            return self._forwarding.refusal(recipient)
        return self._post_office.refusal(recipient)

    def has_room(self, recipient: str, octets: int) -> bool:
        """Whether a message of that size fits the recipient's mailbox, if there is one."""
        return self.passes_on(recipient) or self._post_office.has_room(recipient, octets)

    def store(self, recipient: str, message: bytes, *, sender: str) -> None:
        """Put a message into the recipient's mailbox, or pass it on."""
        if self.passes_on(recipient):
            self.pass_on(EnvelopeRecipient(recipient), Envelope(sender, ()), message)
        else:
            self._post_office.store(recipient, message, sender=sender)

    def is_for_bounces(self, recipient: str) -> bool:
        """Whether only notifications have any business there."""
        return self.serves(recipient) and self._forwarding.is_for_bounces(recipient)

    def seals(self, recipient: str) -> bool:
        """Whether what goes on for an address is sealed with what was found of it."""
        return self.serves(recipient) and self._forwarding.seals(recipient)

    def pass_on(
        self, recipient: EnvelopeRecipient, envelope: Envelope, content: bytes, found: Finding | None = None
    ) -> list[QueuedMessage]:
        """Queue a message for whom one of its recipients stands for, with what was ``found`` of it when it came."""
        assert self._enqueue is not None
        onward = self._forwarding.onward(recipient, envelope, content, found)
        queued = [self._enqueue(one, onward.content) for one in onward.envelopes]
        message_id = header_field(content, "Message-ID")
        if onward.by_list:
            self._tell_of_list(onward, queued, message_id)
        elif queued:
            self._tell_of_forward(onward, queued[0])
        else:
            self._site.log(
                events.Discarded(message_id=message_id, recipient=recipient.address, status="", sender=envelope.sender),
                f"takes note of {named(message_id)}, a notification for the list's <{recipient.address}>",
            )
        return queued

    def _tell_of_forward(self, onward: Onward, queued: QueuedMessage) -> None:
        envelope = onward.envelopes[0]
        target = envelope.addresses[0]
        anew = envelope.return_path not in (None, envelope.sender)
        under = f", from <{envelope.return_path}>" if anew else ""
        self._site.log(
            events.Forwarded(
                queue_id=queued.queue_id,
                message_id=queued.message_id,
                recipient=onward.recipient.address,
                target=target,
            ),
            f"{queued.queue_id}: mail for <{onward.recipient.address}> goes on to <{target}>{under}",
        )

    def _tell_of_list(self, onward: Onward, queued: list[QueuedMessage], message_id: str) -> None:
        goes = [(to, envelope.sender) for envelope in onward.envelopes for to in envelope.addresses]
        self._site.log(
            events.Expanded(
                queue_id=queued[0].queue_id,
                message_id=message_id,
                recipient=onward.recipient.address,
                members=tuple(member for member, _ in goes),
                senders=tuple(sender for _, sender in goes),
            ),
            f"{queued[0].queue_id}: mail for the list <{onward.recipient.address}> goes on to "
            f"{', '.join(member for member, _ in goes)}",
        )
