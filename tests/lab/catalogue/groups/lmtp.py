"""LMTP: an answer for each recipient."""

from __future__ import annotations

import pytest

from testbed.hosts.envelope import Envelope
from testbed.hosts.queue import routing
from testbed.hosts.sending.client import Heard
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession
from tests.lab.catalogue.breaks import bounces_what_could_wait, never_gives_up, stores_nothing
from tests.lab.catalogue.group import Break


def knows_no_routes(patch: pytest.MonkeyPatch) -> None:
    """A relay that goes where MX records lead, whatever it was told."""
    patch.setattr(routing, "route_for", lambda routes, domain: None)


def takes_the_first_reply_for_all(patch: pytest.MonkeyPatch) -> None:
    """An LMTP client that hears one reply to a message, as in SMTP."""
    settles = DeliverySession._settles

    def for_all(self: DeliverySession, accepted: list[str], results: dict[str, DeliveryResult]) -> tuple[Heard, int]:
        self._lmtp = False
        return settles(self, accepted, results)

    patch.setattr(DeliverySession, "_settles", for_all)


def forgets_what_it_has_heard(patch: pytest.MonkeyPatch) -> None:
    """A client that sends a message again to everybody when one reply was lost."""
    send = DeliverySession.send

    async def all_or_none(self: DeliverySession, envelope: Envelope, content: bytes) -> dict[str, DeliveryResult]:
        results = await send(self, envelope, content)
        lost = next((result for result in results.values() if not result.code), None)
        return dict.fromkeys(results, lost) if lost is not None else results

    patch.setattr(DeliverySession, "send", all_or_none)


FINDINGS = {
    "dovecot-shows-by-imap": "credentials-in-clear",
    "dovecot-takes-lmtp": "mailbox-full",
    "ehlo-to-lmtp": "no-quit refused-for-good",
    "lhlo-refused-for-now": "refused-for-now",
    "lhlo-to-smtp": "no-quit refused-for-good",
    "lmtp-cut-between-replies-close": "delivery-retried duplicate-possible reply-to-message-lost",
    "lmtp-cut-between-replies-reset": "connection-reset delivery-retried duplicate-possible reply-to-message-lost",
    "lmtp-cut-between-replies-stall": "delivery-retried duplicate-possible reply-to-message-lost",
    "lmtp-delivered": "",
    "lmtp-full-for-the-second": "delivery-retried mailbox-full",
    "lmtp-in-chunks": "",
    "lmtp-three-fates": "delivery-retried not-authorised refused-for-now",
}

GUARDS: dict[str, Break] = {
    "dovecot-shows-by-imap": knows_no_routes,
    "dovecot-takes-lmtp": takes_the_first_reply_for_all,
    "ehlo-to-lmtp": never_gives_up,
    "lhlo-refused-for-now": bounces_what_could_wait,
    "lhlo-to-smtp": never_gives_up,
    "lmtp-cut-between-replies": forgets_what_it_has_heard,
    "lmtp-delivered": knows_no_routes,
    "lmtp-full-for-the-second": takes_the_first_reply_for_all,
    "lmtp-in-chunks": stores_nothing,
    "lmtp-three-fates": takes_the_first_reply_for_all,
}
