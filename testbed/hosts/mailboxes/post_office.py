"""The mailboxes of one domain and the rules for putting mail into them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import partial

from testbed.hosts.mailboxes.mailbox import INBOX, Mailbox
from testbed.hosts.site import Site
from testbed.hosts.smtp.message_data import body_digest
from testbed.protocols import events
from testbed.protocols.address import domain_of
from testbed.protocols.header import header_field, named
from testbed.scenario.mailboxes import MailboxSpec
from testbed.scenario.rules import Rule


class PostOffice:
    """Mailboxes by address; the local part is compared as it is, the domain without case (RFC 5321 §2.4)."""

    def __init__(self, site: Site, domain: str, users: Mapping[str, MailboxSpec]) -> None:
        self.domain = domain.lower()
        self._site = site
        self.mailboxes: dict[str, Mailbox] = {}
        self._aliases: dict[str, str] = {}
        self._passwords: dict[str, str] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        directory = site.directory / "mail"
        directory.mkdir(parents=True, exist_ok=True)
        for number, (user, spec) in enumerate(users.items(), 1):
            address = f"{user}@{self.domain}"
            new = not (directory / str(number)).exists()  # else the host has started before
            crowded = partial(site.crowded, address)
            box = Mailbox(address, directory / str(number), spec.quota, spec.messages, spec.folders, crowded)
            if new:
                box.fill(spec.filled, site.date())
            self.mailboxes[address] = box
            self._aliases |= {f"{alias}@{self.domain}": address for alias in spec.aliases}
            self._rules[address] = spec.rules
            self._passwords[address] = spec.password_to_read

    def account(self, user: str, password: str) -> Mailbox | None:
        """The mailbox of a user, named by local part or address, who has given the right password.

        An unknown user takes the same steps as a wrong password, so that neither answer nor time tells them apart.
        """
        address = user if "@" in user else f"{user}@{self.domain}"
        right = self._passwords.get(address, "")
        known = hmac.compare_digest(right.encode(), password.encode("utf-8", "surrogateescape"))
        return self.mailboxes.get(address) if known else None

    def serves(self, recipient: str) -> bool:
        """Whether the recipient's domain is this one."""
        return domain_of(recipient) == self.domain

    def refusal(self, recipient: str) -> str:
        """Why a recipient cannot be accepted, as a reply to RCPT, or ``""``."""
        box = self._find(recipient)
        if box is None:
            return "550 5.1.1 User unknown"
        if box.full:
            return "452 4.2.2 Mailbox full"
        return ""

    def has_room(self, recipient: str, octets: int) -> bool:
        """Whether a message of that size fits the recipient's mailbox."""
        box = self._find(recipient)
        return box is not None and box.has_room_for(octets)

    def rules(self, recipient: str) -> tuple[Rule, ...]:
        """What the owner of the recipient's mailbox wants done with his mail."""
        box = self._find(recipient)
        return self._rules[box.address] if box is not None else ()

    def has_folder(self, recipient: str, folder: str) -> bool:
        """Whether the recipient's mailbox has a folder beside the inbox."""
        box = self._find(recipient)
        return box is not None and folder in box.folders

    def store(self, recipient: str, message: bytes, *, sender: str, folder: str = INBOX) -> None:
        """Put a message into a folder of the recipient's mailbox, the envelope sender on top (RFC 5321 §4.4)."""
        box = self._find(recipient)
        if box is None:
            raise KeyError(recipient)
        message_id = header_field(message, "Message-ID")
        box.store(f"Return-Path: <{sender}>\r\n".encode() + message, self._site.now(), folder)
        self._site.log(
            events.Stored(
                recipient=box.address,
                alias=recipient if recipient.lower() != box.address.lower() else "",
                message_id=message_id,
                octets=len(message),
                body_sha256=body_digest(message),
                sender=sender,
                subject=header_field(message, "Subject"),
            ),
            f"{named(message_id)} is in {'the mailbox' if folder == INBOX else folder} of <{box.address}>",
        )

    def inventory(self) -> None:
        """Log every message in every mailbox."""
        for address, box in self.mailboxes.items():
            for folder, message_id in box.message_ids():
                where = "" if folder == INBOX else f" in its folder {folder}"
                self._site.log(
                    events.HoldsMail(recipient=address, message_id=message_id, folder=folder),
                    f"the mailbox of <{address}> holds {named(message_id)}{where}",
                )

    def _find(self, recipient: str) -> Mailbox | None:
        local, _, domain = recipient.rpartition("@")
        if local.lower() == "postmaster":  # in any case (RFC 5321 §4.5.1)
            local = "postmaster"
        address = f"{local}@{domain.lower()}"
        return self.mailboxes.get(self._aliases.get(address, address))
