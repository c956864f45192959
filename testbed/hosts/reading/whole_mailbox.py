"""Everything in a mailbox, read by POP3 or IMAP, and left as it is: nothing is deleted, no flag is set."""

from __future__ import annotations

from collections.abc import AsyncIterator

from msgspec import Struct

from testbed.hosts.mailboxes.mailbox import INBOX
from testbed.hosts.reading.client import ReadingFailed
from testbed.hosts.reading.imap_client import ImapClient
from testbed.hosts.reading.pop3_client import Pop3Client
from testbed.hosts.site import Site
from testbed.scenario.steps import ReadingSecurity

_PATIENCE_S = 5.0
_MAX_MESSAGES = 2_000
_MAX_OCTETS = 1 << 26


class MailRead(Struct, frozen=True):
    """A message as the server gave it, and its folder."""

    folder: str
    octets: bytes


class Mailbox(Struct, frozen=True):
    """Where a mailbox is, and what opens it.  ``server`` is whom a certificate must name."""

    server: str
    address: str
    user: str
    password: str
    tls: ReadingSecurity = "none"


async def read_whole(site: Site, mailbox: Mailbox, protocol: str) -> list[MailRead]:
    """All messages: of every folder by IMAP, of the inbox by POP3.  Raises ReadingFailed, for too many of them too."""
    found: list[MailRead] = []
    octets = 0
    async for mail in (_by_imap if protocol == "imap" else _by_pop3)(site, mailbox):
        found.append(mail)
        octets += len(mail.octets)
        if len(found) > _MAX_MESSAGES or octets > _MAX_OCTETS:
            raise ReadingFailed(f"there are more than {_MAX_MESSAGES:,} messages or {_MAX_OCTETS:,} octets")
    return found


async def _by_imap(site: Site, mailbox: Mailbox) -> AsyncIterator[MailRead]:
    client = await ImapClient.open(site, mailbox.server, mailbox.address, mailbox.tls, patience_s=_PATIENCE_S)
    try:
        await client.login(mailbox.user, mailbox.password)
        folders = await client.folders()
        for folder in [INBOX, *(name for name in folders if name.upper() != INBOX)]:
            await client.select(folder, readonly=True)
            for uid in await client.search(None):
                yield MailRead(folder, await client.fetch(uid, peek=True))
        await client.say_goodbye()
    finally:
        client.drop()


async def _by_pop3(site: Site, mailbox: Mailbox) -> AsyncIterator[MailRead]:
    client = await Pop3Client.open(site, mailbox.server, mailbox.address, mailbox.tls, patience_s=_PATIENCE_S)
    try:
        await client.login(mailbox.user, mailbox.password)
        for number in await client.messages():
            yield MailRead(INBOX, await client.retrieve(number))
        await client.say_goodbye()
    finally:
        client.drop()
