"""What lies in the mailboxes of a program's host, as log entries: so that its mailboxes can be judged like ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256

from testbed.hosts.site import Site
from testbed.lab.mail_stores import Kept, MailStore
from testbed.protocols import events
from testbed.protocols.header import field_digests, header_field, named, text_digest
from testbed.protocols.line_ends import loose_digest
from testbed.protocols.mbox import without_quotes
from testbed.protocols.report import StatusReport, read_report


class ProgramMailboxes:
    """``boxes`` are the mailboxes of the host's users, by their addresses; those nobody makes stay empty.

    ``known`` are the messages that have been logged, by an earlier run of the program too.
    """

    def __init__(self, site: Site, boxes: Mapping[str, MailStore], known: set[str]) -> None:
        self._site = site
        self._boxes = boxes
        self._known = known

    def log_new(self, *, at_rest: bool = False) -> None:
        """Log what has come since the last time; all there is where the program is ``at_rest``."""
        for address, box in self._boxes.items():
            for name, read in box.messages(at_rest=at_rest):
                if f"{address}/{name}" not in self._known:
                    self._known.add(f"{address}/{name}")
                    self._stored(address, read())

    def inventory(self) -> None:
        """Log what lies in them."""
        for address, box in self._boxes.items():
            for _, read in box.messages(at_rest=True):
                kept = read()
                message_id = header_field(kept.octets, "Message-ID")
                self._site.log(
                    events.HoldsMail(recipient=address, message_id=message_id, folder=kept.folder or "INBOX"),
                    f"the mailbox of <{address}> holds {named(message_id)}",
                )

    def _stored(self, address: str, kept: Kept) -> None:
        message = kept.octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        head, _, body = message.partition(b"\r\n\r\n")
        message_id = header_field(head, "Message-ID")
        read = partial(events.Found, folder=kept.folder)
        stored: Callable[..., events.Stored] = read if kept.folder else events.Stored
        self._site.log(
            stored(
                recipient=address,
                message_id=message_id,
                octets=len(kept.octets),
                body_sha256=sha256(body).hexdigest(),
                header=field_digests(head),
                text_sha256=text_digest(body),
                unquoted_sha256=text_digest(without_quotes(body)) if kept.quoted else "",
                loose_sha256=loose_digest(body),
                sender=kept.sender or header_field(head, "Return-Path").strip("<>"),
                subject=header_field(head, "Subject"),
            ),
            f"{named(message_id)} lies in the mailbox of <{address}>",
        )
        self._told(address, message_id, head, read_report(head + b"\r\n\r\n" + body))

    def _told(self, address: str, message_id: str, head: bytes, report: StatusReport) -> None:
        """Log what a notification of this host says, and what is wrong with it; other hosts' are their own affair."""
        if report.reporting not in (self._site.name, ""):
            return
        for fate in report.fates:
            recipient = fate.recipient or fate.original
            self._site.log(
                (events.Bounced if fate.action == "failed" else events.Notified)(
                    message_id=report.original_id,
                    recipient=recipient,
                    status=fate.status,
                    action=fate.action,
                    dsn_id=message_id,
                    sender=address,
                ),
                f"<{address}> is told that mail for <{recipient}> {fate.action}: {fate.status}",
            )
        if report.problems and (report.tells or header_field(head, "Return-Path") == "<>"):
            problems = "; ".join(report.problems)
            self._site.log(
                events.Misreported(recipient=address, message_id=message_id, problems=problems),
                f"<{address}> is told by {named(message_id)} in a wrong form: {problems}",
            )
