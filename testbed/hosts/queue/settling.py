"""What becomes of each recipient after an attempt: gone, kept for later, or given back (RFC 5321 §4.5.4, §6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from testbed.hosts.queue.dsn import Report
from testbed.hosts.queue.notifications import Notifier, Subject, success
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.store import Queue, QueuedMessage, QueuedRecipient
from testbed.hosts.sending.delivery import DeliveryResult
from testbed.hosts.site import Site
from testbed.protocols import events


class Taker(Struct, frozen=True):
    """Who was handed a message.  ``host`` is ``""`` where it was delivered here; ``tells`` says that it offers DSN."""

    host: str = ""
    tells: bool = False


class Settlement:
    """Keeps the queue in step with the results of attempts, and tells senders what they are to be told."""

    def __init__(self, site: Site, queue: Queue, schedule: RetrySchedule, notifier: Notifier) -> None:
        self._site = site
        self._queue = queue
        self._schedule = schedule
        self._notifier = notifier

    def settle(
        self,
        message: QueuedMessage,
        owed: list[QueuedRecipient],
        results: Mapping[str, DeliveryResult],
        taker: Taker,
        ended: float,
    ) -> None:
        """Every notice is queued before the recipient it tells of leaves the queue.  ``ended`` is scenario time."""
        taken, late, failed = [], [], []
        for recipient in owed:
            result = results.get(recipient.address)
            if result is None:
                continue
            if result.taken:
                taken.append((recipient, result))
            elif result.permanent or self._schedule.expired(message.arrived, self._site.now()):
                failed.append((recipient, result))
            else:
                late.append((recipient, result))
        subject = self._subject(message)
        self._taken(subject, taken, taker)
        self._late(subject, late, taker, ended)
        self._failed(subject, failed, taker)

    def _subject(self, message: QueuedMessage) -> Subject:
        return Subject(
            message.queue_id,
            message.sender,
            message.message_id,
            message.arrived,
            message.parameters,
            lambda: self._queue.content(message),
        )

    def _taken(self, subject: Subject, taken: list[tuple[QueuedRecipient, DeliveryResult]], taker: Taker) -> None:
        where = taker.host or self._site.name
        if not taker.tells:  # who offers DSN has been told what the sender wants to hear (RFC 3461 §5.2.2)
            told = [
                report
                for recipient, _ in taken
                for report in success(recipient.address, recipient.parameters, f"{where} has taken it", taker.host)
            ]
            number = taken[0][0].attempts + 1 if taken else 1
            self._notifier.tell("relayed" if taker.host else "delivered", subject, told, number)
        for recipient, result in taken:
            self._queue.remove(recipient)
            self._site.log(
                events.Relayed(
                    queue_id=subject.name,
                    message_id=subject.message_id,
                    recipient=recipient.address,
                    next_hop=where,
                    status=str(result),
                ),
                f"{subject.name}: {where} has taken it for <{recipient.address}>: {result}",
            )

    def _late(
        self, subject: Subject, late: list[tuple[QueuedRecipient, DeliveryResult]], taker: Taker, ended: float
    ) -> None:
        for recipient, result in late:
            self._defer(recipient, result, taker.host if result.code else "", ended)
        warned = [one for one in late if self._is_to_warn(one[0])]
        until = self._site.date(self._schedule.end(subject.arrived))
        reports = [
            _report(recipient, result, taker, result.status, result.text, until=until) for recipient, result in warned
        ]
        if self._notifier.tell("delayed", subject, reports):
            for recipient, _ in warned:
                self._queue.warned(recipient)

    def _is_to_warn(self, recipient: QueuedRecipient) -> bool:
        wishes = recipient.parameters
        asked = "DELAY" in wishes.notify
        waited = self._schedule.late(recipient.message.arrived, self._site.now(), asked=asked)
        return waited and wishes.wants("DELAY") and not recipient.warned

    def _defer(self, recipient: QueuedRecipient, result: DeliveryResult, remote: str, now: float) -> None:
        due = self._schedule.next_attempt(recipient.message.arrived, recipient.attempts, now)
        self._queue.defer(recipient, due)
        said = f"{remote} said " if remote else ""
        self._site.log(
            events.Deferred(
                queue_id=recipient.message.queue_id,
                message_id=recipient.message.message_id,
                recipient=recipient.address,
                status=str(result),
                retry_in=round(due - now),
            ),
            f"{recipient.message.queue_id}: <{recipient.address}> deferred, {said}{result};"
            f" next attempt in {self._schedule.words(due - now)}",
        )

    def _failed(self, subject: Subject, failed: list[tuple[QueuedRecipient, DeliveryResult]], taker: Taker) -> None:
        """Bounce, or drop what is itself a notification or nobody wants to hear of (RFC 5321 §6.1, RFC 3461 §4.1)."""
        reports = {recipient.address: self._failure(recipient, result, taker) for recipient, result in failed}
        told = [reports[recipient.address] for recipient, _ in failed if recipient.parameters.wants("FAILURE")]
        dsn_id = self._notifier.tell("failed", subject, told, failed[0][0].attempts + 1 if failed else 1)
        for recipient, _ in failed:
            self._queue.remove(recipient)
            report = reports[recipient.address]
            bounced = bool(dsn_id) and report in told
            if bounced:
                consequence = f"told {subject.sender} in {dsn_id}"
            elif subject.sender:
                consequence = f"{subject.sender} did not want to be told"
            else:
                consequence = "a notification is not bounced"
            self._site.log(
                (events.Bounced if bounced else events.Discarded)(
                    queue_id=subject.name,
                    message_id=subject.message_id,
                    recipient=recipient.address,
                    status=report.status,
                    dsn_id=dsn_id if bounced else "",
                    sender=subject.sender,
                ),
                f"{subject.name}: <{recipient.address}> failed, {report.status} {report.reason}; {consequence}",
            )

    def _failure(self, recipient: QueuedRecipient, result: DeliveryResult, taker: Taker) -> Report:
        if result.permanent:
            return _report(recipient, result, taker, result.status, result.text)
        reason = f"given up after {self._schedule.lifetime}: {result.text}"
        return _report(recipient, result, taker, "4.4.7", reason)


def _report(
    recipient: QueuedRecipient, result: DeliveryResult, taker: Taker, status: str, reason: str, until: str = ""
) -> Report:
    """``status`` and ``reason`` are those told, ``result`` is what the last attempt met."""
    return Report(
        recipient.address,
        status,
        reason,
        diagnostic=str(result) if result.code else "",
        remote=taker.host if result.code else "",
        orcpt=recipient.parameters.orcpt,
        retry_until=until,
    )
