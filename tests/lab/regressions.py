"""Twenty-odd deliberate regressions: one small change each to a relay, receiver, reader, client or fault.

Labs are forked from the process of the tests, so a patch holds inside them.  Some are those of the catalogue's guards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from testbed.hosts.dns.resolver import LookupResult, Resolver
from testbed.hosts.envelope import Envelope
from testbed.hosts.mailboxes.mailbox import INBOX
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.queue.notifications import Notifier
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.routing import Route, Router
from testbed.hosts.reading.pop3_client import Pop3Client
from testbed.hosts.sending import delivery
from testbed.hosts.sending.delivery import DeliverySession
from testbed.hosts.sending.results import DeliveryResult
from testbed.hosts.smtp import staging
from testbed.hosts.smtp.commands import EsmtpCommands
from testbed.net.faults.action import Action
from testbed.net.faults.wire import SelectiveFault
from testbed.net.packet import Packet


def retries_twice_as_soon(patch: pytest.MonkeyPatch) -> None:
    """A relay that waits half as long as it should."""
    due = RetrySchedule.next_attempt

    def sooner(self: RetrySchedule, arrived: float, attempts: int, now: float) -> float:
        return now + (due(self, arrived, attempts, now) - now) / 2

    patch.setattr(RetrySchedule, "next_attempt", sooner)


def tries_the_worst_server_first(patch: pytest.MonkeyPatch) -> None:
    """A relay that sorts mail servers the wrong way round."""
    route = Router.route

    async def turned(self: Router, domain: str) -> Route:
        found = await route(self, domain)
        return replace(found, hops=found.hops[::-1])

    patch.setattr(Router, "route", turned)


def asks_every_question_twice(patch: pytest.MonkeyPatch) -> None:
    """A resolver that does not believe the first answer."""
    ask = Resolver.ask

    async def twice(self: Resolver, name: str, kind: str) -> LookupResult:
        await ask(self, name, kind)
        return await ask(self, name, kind)

    patch.setattr(Resolver, "ask", twice)


def leaves_without_quit(patch: pytest.MonkeyPatch) -> None:
    """A client that closes instead of saying QUIT."""

    async def drop(self: DeliverySession) -> None:
        self.drop()

    patch.setattr(DeliverySession, "quit", drop)


def says_helo(patch: pytest.MonkeyPatch) -> None:
    """A client that knows no EHLO."""

    async def helo(self: DeliverySession) -> None:
        await self._client.helo()

    patch.setattr(DeliverySession, "_greet", helo)


def never_pipelines(patch: pytest.MonkeyPatch) -> None:
    """A client that waits for every reply."""
    patch.setattr(DeliverySession, "_in_one_go", DeliverySession._step_by_step)


def does_not_log_in(patch: pytest.MonkeyPatch) -> None:
    """A client that forgets its password."""

    async def nothing(client: object, user: str, password: str) -> None:
        pass

    patch.setattr(delivery, "log_in", nothing)


def announces_no_size(patch: pytest.MonkeyPatch) -> None:
    """A client that says MAIL without parameters."""
    patch.setattr(delivery, "mail_words", lambda parameters, offered: [])


def adds_a_footer(patch: pytest.MonkeyPatch) -> None:
    """A relay that writes below every message."""
    send = DeliverySession.send

    async def more(self: DeliverySession, envelope: Envelope, content: bytes) -> dict[str, DeliveryResult]:
        return await send(self, envelope, content + b"-- \r\nSent by my relay\r\n")

    patch.setattr(DeliverySession, "send", more)


def tells_nobody(patch: pytest.MonkeyPatch) -> None:
    """A relay that sends no notifications."""
    patch.setattr(Notifier, "tell", lambda self, *args, **options: "")


def refuses_the_full_for_good(patch: pytest.MonkeyPatch) -> None:
    """A receiver that takes a full mailbox for a permanent failure."""
    refusal = PostOffice.refusal
    patch.setattr(
        PostOffice, "refusal", lambda self, recipient: refusal(self, recipient).replace("452 4.2.2", "552 5.2.2")
    )


def words_it_otherwise(patch: pytest.MonkeyPatch) -> None:
    """A receiver that gives another reason for the same code."""
    refusal = PostOffice.refusal
    patch.setattr(
        PostOffice, "refusal", lambda self, recipient: refusal(self, recipient).replace("Mailbox full", "Go away")
    )


def knows_every_user(patch: pytest.MonkeyPatch) -> None:
    """A server that asks after nobody's mailbox at RCPT."""
    patch.setattr(PostOffice, "refusal", lambda self, recipient: "")
    patch.setattr(PostOffice, "store", lambda self, recipient, message, *, sender, folder=INBOX: None)
    patch.setattr(PostOffice, "has_room", lambda self, recipient, octets: True)


def offers_no_dsn(patch: pytest.MonkeyPatch) -> None:
    """A server that leaves DSN out of its reply to EHLO."""
    announced = EsmtpCommands.announced
    patch.setattr(
        EsmtpCommands, "announced", lambda self, lines: announced(self, [line for line in lines if line[4:] != "DSN"])
    )


def leaves_mail_on_the_server(patch: pytest.MonkeyPatch) -> None:
    """A reader that does not delete what it was to delete."""

    async def keep(self: Pop3Client, number: int) -> None:
        pass

    patch.setattr(Pop3Client, "delete", keep)


def closes_instead_of_resetting(patch: pytest.MonkeyPatch) -> None:
    """A fault that is gentler than it says."""
    patch.setitem(staging.DEEDS, "reset", staging._close)


def answers_all_the_same(patch: pytest.MonkeyPatch) -> None:
    """A fault that replaces a reply, and lets the server say its own."""

    async def own(server: staging.Staged, fault: object, act: Callable[[], Awaitable[None]]) -> None:
        await act()

    patch.setattr(staging, "stage", own)


def loses_nothing(patch: pytest.MonkeyPatch) -> None:
    """A fault that lets pass what it should lose."""
    act = SelectiveFault.act

    def passed(self: SelectiveFault, packet: Packet, now_ns: int) -> Action | None:
        return Action("passed") if act(self, packet, now_ns) else None

    patch.setattr(SelectiveFault, "act", passed)
