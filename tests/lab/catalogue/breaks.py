"""Ways to break a mail server, each the opposite of something the catalogue guards.

Labs are forked from the process of the tests, so a patch holds inside them.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from testbed.hosts.mailboxes.mailbox import INBOX
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.routing import Route, Router
from testbed.hosts.sending import delivery
from testbed.hosts.sending.delivery import DeliveryResult as Delivery


def bounces_what_could_wait(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes every failure for final."""
    patch.setattr(Delivery, "permanent", property(lambda self: not self.taken))


def never_gives_up(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes no refusal for final."""
    patch.setattr(Delivery, "permanent", property(lambda self: False))


def knows_the_first_server_only(patch: pytest.MonkeyPatch) -> None:
    """A relay that tries no other mail server of a domain than the first."""
    route = Router.route

    async def first(self: Router, domain: str) -> Route:
        found = await route(self, domain)
        return replace(found, hops=found.hops[:1])

    patch.setattr(Router, "route", first)


def keeps_trying_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A relay for which no message is ever too old."""
    patch.setattr(RetrySchedule, "expired", lambda self, arrived, now: False)
    patch.setattr(RetrySchedule, "next_attempt", lambda self, arrived, attempts, now: now + 86_400.0)


def has_no_patience(patch: pytest.MonkeyPatch) -> None:
    """A relay that waits half a second for a connection."""
    patch.setitem(delivery.TIMEOUTS_S, "connect", 0.5)


def stores_nothing(patch: pytest.MonkeyPatch) -> None:
    """A receiver that answers 250 and throws the message away."""
    patch.setattr(PostOffice, "store", lambda self, recipient, message, *, sender, folder="": None)


def stores_twice(patch: pytest.MonkeyPatch) -> None:
    """A receiver that puts every message into the mailbox twice."""
    store = PostOffice.store

    def twice(self: PostOffice, recipient: str, message: bytes, *, sender: str, folder: str = INBOX) -> None:
        for _ in range(2):
            store(self, recipient, message, sender=sender, folder=folder)

    patch.setattr(PostOffice, "store", twice)
