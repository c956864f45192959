"""Connections that take more than one message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from testbed.hosts.envelope import Envelope
from testbed.hosts.sending.client import SmtpClient
from testbed.hosts.sending.delivery import DeliveryResult, DeliverySession
from tests.lab.catalogue.group import Break


def uses_no_connection_twice(patch: pytest.MonkeyPatch) -> None:
    """A relay that says QUIT after each message."""

    async def never(self: DeliverySession) -> bool:
        return False

    patch.setattr(DeliverySession, "rest", never)


def resets_nothing(patch: pytest.MonkeyPatch) -> None:
    """A client that leaves a transaction open behind it."""

    async def silently(self: SmtpClient, *, timeout: float) -> None:
        pass

    patch.setattr(SmtpClient, "rset", silently)


def takes_a_lost_connection_for_a_failed_attempt(patch: pytest.MonkeyPatch) -> None:
    """A relay that sends on a connection whatever has become of it, and puts the mail off when it is lost."""
    wake = DeliverySession.wake

    def anyhow(self: DeliverySession) -> bool:
        wake(self)
        return True

    patch.setattr(DeliverySession, "wake", anyhow)
    _sees(patch, lambda result: replace(result, lost=False))


def takes_silence_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """A relay that sends a message again at once, although the reply to it was lost."""
    _sees(patch, lambda result: replace(result, lost=not result.code))


def _sees(patch: pytest.MonkeyPatch, otherwise: Callable[[DeliveryResult], DeliveryResult]) -> None:
    send = DeliverySession.send

    async def seen(self: DeliverySession, envelope: Envelope, content: bytes) -> dict[str, DeliveryResult]:
        results = await send(self, envelope, content)
        return {address: otherwise(result) for address, result in results.items()}

    patch.setattr(DeliverySession, "send", seen)


FINDINGS = {
    "idle-connection-closed": "idle-connection-closed",
    "kept-connection-forgotten-reset": "connection-reset",
    "kept-connection-forgotten-silence": "connection-dead",
    "one-connection-for-all": "",
    "reset-before-the-next": "user-unknown",
    "second-answer-lost": "delivery-retried duplicate-possible reply-to-message-lost",
    "so-many-messages": "",
    "told-421-at-the-second": "refused-for-now",
}

GUARDS: dict[str, Break] = {
    "idle-connection-closed": takes_a_lost_connection_for_a_failed_attempt,
    "kept-connection-forgotten": takes_a_lost_connection_for_a_failed_attempt,
    "one-connection-for-all": uses_no_connection_twice,
    "reset-before-the-next": resets_nothing,
    "second-answer-lost": takes_silence_for_a_refusal,
    "so-many-messages": uses_no_connection_twice,
    "told-421-at-the-second": takes_a_lost_connection_for_a_failed_attempt,
}
