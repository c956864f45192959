"""What senders are told, and what not."""

from __future__ import annotations

import pytest

from testbed.hosts.queue import notifications, settling
from testbed.hosts.queue.dsn import Report
from testbed.hosts.queue.retry import RetrySchedule
from testbed.protocols import esmtp
from testbed.protocols.esmtp import RcptParameters
from tests.lab.catalogue.breaks import bounces_what_could_wait
from tests.lab.catalogue.group import Break

FINDINGS = {
    "bounce-in-form": "user-unknown",
    "delay-asked-for": "delivery-retried mailbox-full",
    "delay-not-told-never": "connection-refused",
    "delay-not-told-failure": "connection-refused",
    "delay-told-by-relay": "connection-refused",
    "given-up": "connection-refused",
    "told-of-nothing-never": "user-unknown",
    "told-of-nothing-success": "user-unknown",
    "told-of-nothing-delay": "user-unknown",
    "told-of-relaying": "",
    "told-of-success": "",
}


def _bounces_in_prose(patch: pytest.MonkeyPatch) -> None:
    """A relay whose bounces say what happened to people only."""
    form = notifications.notification

    def prose(*args: object, **options: object) -> bytes:
        return form(*args, **options).replace(b"message/delivery-status", b"text/plain")  # type: ignore[arg-type]

    patch.setattr(notifications, "notification", prose)


def _tells_everything(patch: pytest.MonkeyPatch) -> None:
    """A relay that does not care what NOTIFY says."""
    patch.setattr(RcptParameters, "wants", lambda self, word: True)


def _tells_no_delay(patch: pytest.MonkeyPatch) -> None:
    """A relay that keeps delays to itself."""
    patch.setattr(RetrySchedule, "late", lambda self, arrived, now, *, asked: False)


def _keeps_wishes_to_itself(patch: pytest.MonkeyPatch) -> None:
    """A relay that hands no NOTIFY on."""
    patch.setattr(esmtp, "rcpt_words", lambda parameters, offered: [])
    patch.setattr("testbed.hosts.sending.delivery.rcpt_words", lambda parameters, offered: [])


def _tells_no_success(patch: pytest.MonkeyPatch) -> None:
    """A relay that does not tell of what it handed on."""

    def nothing(*_: object) -> list[Report]:
        return []

    patch.setattr(settling, "success", nothing)


GUARDS: dict[str, Break] = {
    "bounce-in-form": _bounces_in_prose,
    "delay-asked-for": _tells_no_delay,
    "delay-not-told": _tells_everything,
    "delay-told-by-relay": _tells_no_delay,
    "given-up": bounces_what_could_wait,
    "told-of-nothing": _tells_everything,
    "told-of-relaying": _tells_no_success,
    "told-of-success": _keeps_wishes_to_itself,
}
