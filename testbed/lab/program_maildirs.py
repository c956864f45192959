"""What a program delivers into Maildirs of its host, as log entries: so that its mailboxes can be judged like ours."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import field_digests, header_field, text_digest
from testbed.protocols.line_ends import loose_digest
from testbed.protocols.report import StatusReport, read_report
from testbed.regular_file import read_regular
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.hosts import MailHostSpec

_MAX_OCTETS = 52_428_800
_MAX_HEAD = 65_536


class ProgramMaildirs:
    """``folder`` holds a Maildir for each of the host's users; those nobody makes stay empty.

    ``known`` are the files that have been logged, by an earlier run of the program too.
    """

    def __init__(self, site: Site, folder: Path, spec: HostSpec, known: set[str]) -> None:
        self._site = site
        users = list(spec.mailboxes) if isinstance(spec, MailHostSpec) else []
        domain = spec.domain if isinstance(spec, MailHostSpec) else ""
        self._boxes = {f"{user}@{domain}": folder / user for user in users}
        self._known = known

    def log_new(self) -> None:
        """Log what has come since the last time."""
        for address, box in self._boxes.items():
            for file in _files(box):
                key = file.name.partition(":")[0]
                if f"{address}/{key}" not in self._known:
                    self._known.add(f"{address}/{key}")
                    self._stored(address, _read(file))

    def inventory(self) -> None:
        """Log what lies in them."""
        for address, box in self._boxes.items():
            for file in _files(box):
                message_id = header_field(_read(file)[:_MAX_HEAD], "Message-ID")
                self._site.log(
                    events.HoldsMail(recipient=address, message_id=message_id, folder="INBOX"),
                    f"the mailbox of <{address}> holds {message_id or 'a message'}",
                )

    def _stored(self, address: str, message: bytes) -> None:
        head, _, body = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
        message_id = header_field(head[:_MAX_HEAD], "Message-ID")
        self._site.log(
            events.Stored(
                recipient=address,
                message_id=message_id,
                octets=len(message),
                body_sha256=sha256(body).hexdigest(),
                header=field_digests(head),
                text_sha256=text_digest(body),
                loose_sha256=loose_digest(body),
                sender=header_field(head[:_MAX_HEAD], "Return-Path").strip("<>"),
                subject=header_field(head[:_MAX_HEAD], "Subject"),
            ),
            f"{message_id or 'a message'} lies in the mailbox of <{address}>",
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
        if report.problems and (report.tells or header_field(head[:_MAX_HEAD], "Return-Path") == "<>"):
            problems = "; ".join(report.problems)
            self._site.log(
                events.Misreported(recipient=address, message_id=message_id, problems=problems),
                f"<{address}> is told by {message_id or 'a message'} in a wrong form: {problems}",
            )


def _files(box: Path) -> list[Path]:
    """The messages; a program may put anything else beside them."""
    return [
        file
        for part in ("new", "cur")
        if (box / part).is_dir()
        for file in sorted((box / part).iterdir())
        if file.is_file() and not file.is_symlink()
    ]


def _read(file: Path) -> bytes:
    """A message, or nothing when it is gone by now."""
    try:
        return read_regular(file, _MAX_OCTETS, follow_links=False)
    except OSError:
        return b""
