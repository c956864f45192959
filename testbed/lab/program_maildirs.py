"""What a program delivers into Maildirs of its host, as log entries: so that its mailboxes can be judged like ours."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import field_digests, header_field
from testbed.protocols.report import read_report
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
                text_sha256=sha256(body.rstrip(b"\r\n")).hexdigest(),
                sender=header_field(head[:_MAX_HEAD], "Return-Path").strip("<>"),
                subject=header_field(head[:_MAX_HEAD], "Subject"),
            ),
            f"{message_id or 'a message'} lies in the mailbox of <{address}>",
        )
        report = read_report(head + b"\r\n\r\n" + body)
        for fate in report.fates if report.reporting == self._site.name else ():  # other hosts' are their own affair
            self._site.log(
                (events.Bounced if fate.action == "failed" else events.Notified)(
                    message_id=report.original_id,
                    recipient=fate.recipient,
                    status=fate.status,
                    action=fate.action,
                    dsn_id=message_id,
                    sender=address,
                ),
                f"<{address}> is told that mail for <{fate.recipient}> {fate.action}: {fate.status}",
            )


def _files(box: Path) -> list[Path]:
    return [file for part in ("new", "cur") if (box / part).is_dir() for file in sorted((box / part).iterdir())]


def _read(file: Path) -> bytes:
    """A message, or nothing when it is gone by now."""
    try:
        with file.open("rb") as source:
            return source.read(_MAX_OCTETS)
    except OSError:
        return b""
