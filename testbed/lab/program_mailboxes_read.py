"""What a program's mailboxes hold, as it says itself by POP3 or IMAP at the end, where no files show it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec.structs import replace

from testbed.hosts.reading.client import ReadingFailed
from testbed.hosts.reading.whole_mailbox import Mailbox, MailRead, read_whole
from testbed.hosts.site import Site
from testbed.lab.context import LabContext
from testbed.lab.mail_stores import Kept
from testbed.lab.program_maildirs import ProgramMailboxes
from testbed.plural import count
from testbed.protocols import events
from testbed.protocols.events.mailbox import READS_AT_THE_END
from testbed.protocols.text import printable
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.readers import served_by_program

_TIME_LIMIT_S = 10.0  # for all mailboxes of a host


class _Read:
    """A mailbox as it was read last; a :class:`testbed.lab.mail_stores.MailStore`."""

    def __init__(self) -> None:
        self.mails: list[MailRead] = []

    def messages(self, *, at_rest: bool) -> Iterator[tuple[str, Callable[[], Kept]]]:
        """What was read, named by its folder and octets."""
        seen: Counter[str] = Counter()
        for mail in self.mails:
            name = f"{mail.folder}/{sha256(mail.octets).hexdigest()}"
            seen[name] += 1
            kept = Kept(mail.octets, folder=printable(mail.folder))
            yield f"{name}.{seen[name]}", lambda kept=kept: kept  # type: ignore[misc]


class MailboxesRead:
    """The mailboxes of one program that serves them, and keeps them where nobody looks."""

    def __init__(self, lab: LabContext, site: Site) -> None:
        self._lab = lab
        self._spec = lab.scenario.hosts[site.name]
        self._site = site
        self._protocols = served_by_program(self._spec)
        self._boxes = {address: _Read() for address in lab.programs.mailboxes(site.name)}
        self._log = ProgramMailboxes(site, self._boxes, set())

    @property
    def wanted(self) -> bool:
        """Whether they are to be read: nothing else shows them, and the program says that it serves them."""
        reachable = READS_AT_THE_END in self._lab.addresses and bool(self._protocols)
        return reachable and not self._lab.programs.knows_maildirs(self._site.name)

    async def read(self, *, alive: bool) -> None:
        """Read each, and log what has come since the last time; of those that cannot be read, why."""
        until = self._lab.loop.time() + _TIME_LIMIT_S
        for address, box in self._boxes.items():
            if not alive:
                self._tell(address, "the program does not run at the end")
                continue
            try:
                async with asyncio.timeout_at(until):
                    box.mails, via = await self._mails(address)
            except TimeoutError:
                self._tell(address, f"reading takes longer than {_TIME_LIMIT_S:.0f} s")
            except ReadingFailed as failed:
                self._tell(address, str(failed))
            else:
                what = f"the mailbox of <{address}> is read by {via.upper()}: {count(len(box.mails), 'message')}"
                self._site.log(events.MailboxRead(mailbox=address, via=via, messages=len(box.mails)), what)
        self._log.log_new(at_rest=True)

    def inventory(self) -> None:
        """Log what was there when it was read last."""
        self._log.inventory()

    async def _mails(self, address: str) -> tuple[list[MailRead], str]:
        """What is there, and the protocol that told it: IMAP where it is served, for it shows every folder."""
        assert isinstance(self._spec, MailHostSpec)
        user = address.rpartition("@")[0]
        mailbox = Mailbox(
            self._site.name,
            self._lab.addresses[self._site.name][0],
            user,
            self._spec.mailboxes[user].password_to_read,
            "starttls" if self._spec.starttls else "none",
        )
        reader = replace(self._site, addresses=self._lab.addresses[READS_AT_THE_END])
        reasons = []
        for protocol in sorted(self._protocols):
            try:
                return await read_whole(reader, mailbox, protocol), protocol
            except ReadingFailed as failed:
                reasons.append(f"{protocol.upper()}: {printable(str(failed))}")
        raise ReadingFailed("; ".join(reasons))

    def _tell(self, address: str, failed: str) -> None:
        what = f"what the mailbox of <{address}> holds is not known: {failed}"
        self._site.log(events.MailboxRead(mailbox=address, failed=failed), what)
