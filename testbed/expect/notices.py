"""Notifications as they were sent, in every form: what packets show of them, and what the lab saw in Maildirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from testbed.protocols import events
from testbed.protocols.report import RecipientStatus, StatusReport, read_report
from testbed.protocols.srs import written_for
from testbed.protocols.status_pattern import status_fits
from testbed.scenario.expectations import Bounced, Notified
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import mail_objects
from testbed.trace.model.log import of

_NO_MORE_THAN = 4  # faults of one notification in a sentence


class Notice(Struct, frozen=True):
    """A notification on its first way.  ``sender`` and ``recipients`` are those of its envelope."""

    host: str
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    report: StatusReport
    frames: tuple[int, ...]

    @property
    def fates(self) -> tuple[RecipientStatus, ...]:
        """What it says of each recipient."""
        return self.report.fates


def notices(analysis: Analysis) -> Iterator[Notice]:
    """What packets show: messages that tell of a fate, and others from the null path, which old servers write."""
    seen: set[str] = set()
    carrying = {c.number: c for c in analysis.connections if c.transactions}
    for mail in mail_objects(analysis, analysis.understanding.decrypted.flows) if carrying else ():
        connection = carrying.get(mail.connection)
        if connection is None or mail.direction != "to server" or not mail.complete:
            continue
        own = [t for t in connection.transactions if t.message_id == mail.message_id and t.message is not None]
        report = read_report(mail.octets)
        if not own or mail.message_id in seen or not (report.tells or not own[0].sender):
            continue
        seen |= {mail.message_id} - {""}
        recipients = tuple(recipient.address for t in own for recipient in t.recipients)
        yield Notice(connection.client.label, mail.message_id, own[0].sender, recipients, report, mail.frames[-1:])


def faults(notice: Notice, to: str) -> list[str]:
    """What is wrong with a notification that ``to`` should get, but for what it says.

    A forwarder may have written the address anew so that it gets there.
    """
    found = []
    if notice.sender:
        found.append(f"{_named(notice)} was sent from {notice.sender}, not from the null path (RFC 3464 §2)")
    if to.lower() not in _whose(notice.recipients):
        found.append(f"it was sent to {', '.join(notice.recipients[:3])}, but should go to {to} (RFC 3464 §2)")
    if notice.report.to and to.lower() not in _whose(notice.report.to):
        found.append(f"To is {', '.join(notice.report.to[:3])}, but should be {to} (RFC 3464 §2)")
    return found + list(notice.report.problems)


def _whose(addresses: Sequence[str]) -> list[str]:
    return [one.lower() for address in addresses for one in (address, written_for(address))]


def without_original(sent: Notice | None) -> str:
    """A remark on a notification that brings nothing back, which is allowed but leaves its reader guessing."""
    if sent is None or sent.report.returns:
        return ""
    return "; it returns nothing of the original, not even the header (RFC 3464 §2 (d))"


def otherwise(fate: events.Fate | RecipientStatus, expected: Notified | Bounced) -> list[str]:
    """The fields of a recipient's fate that are not as expected."""
    if isinstance(expected, Bounced) and fate.action == "delayed":
        return [f"{expected.to} is notified of a delay, not of a failure (RFC 3464 §2.3.3)"]
    action = expected.action if isinstance(expected, Notified) else "failed"
    fields = (
        ("Final-Recipient", fate.recipient, expected.recipient, expected.recipient in (None, fate.recipient), "2.3.2"),
        ("Action", fate.action, action, fate.action == action, "2.3.3"),
        ("Status", fate.status, expected.status, fits(fate.status, expected.status), "2.3.4"),
    )
    return [
        f"{field} is {said or 'missing'}, but {wanted} is expected (RFC 3464 §{section})"
        for field, said, wanted, right, section in fields
        if not right
    ]


def fits(status: str, wanted: str | None) -> bool:
    """Whether a Status is the one wanted; None for any."""
    return wanted is None or status_fits(status, wanted)


def nearest(expected: Notified | Bounced, analysis: Analysis) -> tuple[str, tuple[int, ...]]:
    """What is wrong with the notification that comes nearest, and its frames; ``""`` where there is none."""
    found: list[tuple[list[str], str, tuple[int, ...]]] = []
    for notice in notices(analysis):
        about = [fate for fate in notice.fates if expected.recipient in (None, fate.recipient, fate.original)]
        if expected.to.lower() not in map(str.lower, notice.recipients) and not about:
            continue
        said = min((otherwise(fate, expected) for fate in about or notice.fates), key=len, default=[])
        wrong = [*faults(notice, expected.to), *(one for one in said if not _is_told(one, notice.report.problems))]
        found.append((wrong, _named(notice), notice.frames))
    told = [*of(analysis.log, events.Fate)]
    for entry in told:
        if entry.event.sender == expected.to and entry.event.dsn_id:
            found.append((otherwise(entry.event, expected), entry.event.dsn_id, (entry.frame,)))
    for misreported in of(analysis.log, events.Misreported):
        if misreported.event.recipient == expected.to:
            event = misreported.event
            found.append(([event.problems], event.message_id or "a notification", (misreported.frame,)))
    found = [one for one in found if one[0]]
    if not found:
        return "", ()
    wrong, name, frames = min(found, key=lambda one: len(one[0]))
    return f"{name} says otherwise: {_some(wrong)}", frames


def _is_told(one: str, problems: Sequence[str]) -> bool:
    """Whether a field is known to be wrong in itself."""
    return any(problem.startswith(one.partition(" ")[0] + " ") for problem in problems)


def _some(wrong: Sequence[str]) -> str:
    more = len(wrong) - _NO_MORE_THAN
    return "; ".join(wrong[:_NO_MORE_THAN]) + (f"; and {more} more" if more > 0 else "")


def _named(notice: Notice) -> str:
    return notice.message_id or "a notification without Message-ID"
