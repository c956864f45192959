"""Ways to break what a mail server keeps, and how long it waits: for the groups dialogue, crash and queue."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.hosts.envelope import Envelope
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.queue.store import Queue, QueuedMessage
from testbed.hosts.sending import client as smtp_client
from testbed.hosts.sending import delivery
from testbed.hosts.smtp import admission
from testbed.hosts.smtp import server as smtp_server
from testbed.hosts.smtp.server import SmtpServer
from testbed.hosts.user_agent import UserAgent
from tests.lab.catalogue.group import Break


def waits_for(seconds: float) -> Break:
    """A client with other times than those of RFC 5321 §4.5.3.2."""

    def break_it(patch: pytest.MonkeyPatch) -> None:
        """A client that waits too long, or not long enough."""
        for command in delivery.TIMEOUTS_S:
            patch.setitem(delivery.TIMEOUTS_S, command, seconds)
        for name in ("INVITATION_S", "BLOCK_S", "FINAL_DOT_S"):
            patch.setattr(smtp_client, name, seconds)

    return break_it


def lets_clients_idle(patch: pytest.MonkeyPatch) -> None:
    """A server that waits an hour for the next command."""
    patch.setattr(smtp_server, "SERVER_TIMEOUT_S", 3_600.0)


def stores_what_is_not_whole(patch: pytest.MonkeyPatch) -> None:
    """A server that stores a message before it has all of it."""
    passed = SmtpServer._in_mid_message

    async def store(self: SmtpServer, octets: int) -> None:
        if not self._passed and self.envelope is not None:
            self.event_handler.take(self.session, self.envelope, b"Subject: a part\r\n\r\n")
        await passed(self, octets)

    patch.setattr(SmtpServer, "_in_mid_message", store)


def forgets_its_queue(patch: pytest.MonkeyPatch) -> None:
    """A relay whose queue is in memory."""
    begin = Queue.__init__
    patch.setattr(Queue, "__init__", lambda self, path: begin(self, Path(":memory:")))


def promises_without_storing(patch: pytest.MonkeyPatch) -> None:
    """A relay that says 250 and keeps nothing."""

    def add(self: Queue, envelope: Envelope, content: bytes, message_id: str, now: float) -> QueuedMessage:
        return QueuedMessage(1, envelope.sender, message_id, now)

    patch.setattr(Queue, "add", add)


def has_no_outbox(patch: pytest.MonkeyPatch) -> None:
    """A user agent that forgets what it could not submit."""

    async def forget(self: UserAgent, *message: object) -> None:
        pass

    patch.setattr(UserAgent, "_try_again", forget)


def bounces_notifications(patch: pytest.MonkeyPatch) -> None:
    """A relay that sends notifications under a name of its own, so that they can bounce."""
    enqueue = QueueRunner.enqueue

    def named(self: QueueRunner, envelope: Envelope, content: bytes) -> QueuedMessage:
        return enqueue(self, replace(envelope, sender=envelope.sender or "postmaster@crepes.fr"), content)

    patch.setattr(QueueRunner, "enqueue", named)


def counts_every_other_hop(patch: pytest.MonkeyPatch) -> None:
    """A server that overlooks half of the Received fields."""
    hops = admission.hops
    patch.setattr(admission, "hops", lambda message: hops(message) // 2)
