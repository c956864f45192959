"""Who is told of the fate of a message, and by whom: the notices a mail host sends (RFC 3461 §5, RFC 5321 §6.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.queue.dsn import Action, Original, Report, notification
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.esmtp import MailParameters, RcptParameters


class Subject(Struct, frozen=True):
    """The message a notice is about.  ``name`` tells it apart on this host; ``arrived`` in seconds, scenario time.

    ``content`` gives its octets, as long as the host has them.
    """

    name: str
    sender: str
    message_id: str
    arrived: float
    parameters: MailParameters
    content: Callable[[], bytes]


class Notifier:
    """Sends notices: ``send`` takes an envelope and a message of the host's own, and stores both durably."""

    def __init__(self, site: Site, send: Callable[[Envelope, bytes], object]) -> None:
        self._site = site
        self._send = send
        self._notices: Counter[str] = Counter()

    def tell(self, action: Action, subject: Subject, reports: list[Report], number: int = 1) -> str:
        """Queue a notice for the sender and give its Message-ID; ``""`` where nobody may be told.

        ``number`` tells apart what is told of one message at different times.
        """
        if not subject.sender or not reports:
            return ""
        kind = "dsn" if action == "failed" else action
        name = f"{kind}-{subject.name}-{number}"
        self._notices[name] += 1  # recipients of one attempt may fail for different reasons
        again = f"-{self._notices[name]}" if self._notices[name] > 1 else ""
        dsn_id = f"<{name}{again}@{self._site.name}>"
        original = Original(
            subject.sender,
            subject.content(),
            self._site.date(subject.arrived),
            subject.parameters.envid,
            subject.parameters.ret == "FULL",
        )
        content = notification(
            action,
            reporting=self._site.name,
            original=original,
            reports=reports,
            message_id=dsn_id,
            date=self._site.date(),
        )
        self._send(Envelope("", (EnvelopeRecipient(subject.sender),)), content)
        if action != "failed":
            self._log(action, subject, reports, dsn_id)
        return dsn_id

    def _log(self, action: Action, subject: Subject, reports: list[Report], dsn_id: str) -> None:
        for report in reports:
            self._site.log(
                events.Notified(
                    message_id=subject.message_id,
                    recipient=report.recipient,
                    action=action,
                    status=report.status,
                    dsn_id=dsn_id,
                    sender=subject.sender,
                ),
                f"{subject.name}: {subject.sender} is told in {dsn_id} that mail for <{report.recipient}> is {action}",
            )


def success(recipient: str, parameters: RcptParameters, reason: str, remote: str = "") -> list[Report]:
    """What to tell of a delivery: nothing unless the sender asked for it."""
    if not parameters.wants("SUCCESS"):
        return []
    return [Report(recipient, "2.0.0", reason, remote=remote, orcpt=parameters.orcpt)]
