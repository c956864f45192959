"""How mail is read: POP3 and IMAP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from pymap.parsing.response import CommandResponse

from testbed.hosts.mailboxes import rules
from testbed.hosts.mailboxes.imap_staging import StagedState
from testbed.hosts.mailboxes.imap_store import ImapFolder
from testbed.hosts.mailboxes.mailbox import Mailbox
from testbed.hosts.mailboxes.pop3_server import _LockedMailbox
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.reading.client import PATIENCE_S, LineConnection, ReadingClient
from testbed.hosts.site import Site
from testbed.protocols.pop3_session import _COMMANDS, Pop3Session, State
from tests.lab.catalogue.group import Break
from tests.lab.catalogue.tls_breaks import ignores_certificates


def deletes_without_quit(patch: pytest.MonkeyPatch) -> None:
    """A POP3 server that deletes what is marked when the connection breaks."""
    lost = Pop3Session.lost

    def eager(self: Pop3Session) -> None:
        if self._drop is not None:
            self._drop.update(frozenset(self._deleted))
        lost(self)

    patch.setattr(Pop3Session, "lost", eager)


def keeps_the_lock(patch: pytest.MonkeyPatch) -> None:
    """A POP3 server that leaves the mailbox locked."""
    patch.setattr(_LockedMailbox, "release", lambda self: None)


def never_deletes(patch: pytest.MonkeyPatch) -> None:
    """A POP3 server that forgets to delete at QUIT."""
    patch.setattr(_LockedMailbox, "update", lambda self, deleted: None)


def locks_nothing(patch: pytest.MonkeyPatch) -> None:
    """A POP3 server that lets two sessions in at once."""
    patch.setattr(Mailbox, "in_use", property(lambda self: False, lambda self, value: None), raising=False)


def opens_to_anybody(patch: pytest.MonkeyPatch) -> None:
    """A mail server that looks at no password."""
    patch.setattr(PostOffice, "account", lambda self, user, password: next(iter(self.mailboxes.values())))


def throws_away(patch: pytest.MonkeyPatch) -> None:
    """A receiver that keeps no mail for whoever is away."""
    patch.setattr(Mailbox, "store", lambda self, message, date_s=None, folder="": None)


def has_any_amount_of_room(patch: pytest.MonkeyPatch) -> None:
    """A mailbox without quota."""
    patch.setattr(Mailbox, "has_room_for", lambda self, octets, messages=1: True)


def tells_nobody(patch: pytest.MonkeyPatch) -> None:
    """An IMAP server that tells those who wait of nothing."""
    patch.setattr(Mailbox, "watch", lambda self, watcher: None)


def moves_by_copying(patch: pytest.MonkeyPatch) -> None:
    """An IMAP server whose MOVE leaves the message where it was, too."""

    async def move(self: ImapFolder, uid: int, destination: ImapFolder, *, recent: bool = False) -> int | None:
        there = destination._number(destination._folder.add(self.octets_of(uid) or b"", None, ""))
        destination.filed(there, "moved")
        return there

    patch.setattr(ImapFolder, "move", move)


def loses_what_is_moved(patch: pytest.MonkeyPatch) -> None:
    """An IMAP server that takes a message out of its folder before it is in the other."""
    stage = StagedState._stage

    async def careless(
        self: StagedState, verb: str, tag: bytes, act: Callable[[StagedState], Awaitable[CommandResponse]]
    ) -> None:
        try:
            await stage(self, verb, tag, act)
        except ConnectionError:
            inbox = self._session_of_ours().box.folder()
            for key in [*inbox.keys()]:
                inbox.delete(key)
            raise

    patch.setattr(StagedState, "_stage", careless)


def reads_in_clear(patch: pytest.MonkeyPatch) -> None:
    """A user agent that reads in clear where it should insist on TLS."""
    begin = LineConnection.open

    async def in_clear(
        cls: type[ReadingClient], site: Site, host: str, address: str, tls: str = "none"
    ) -> ReadingClient:
        client = cls(await begin(site, address, cls.PORT, PATIENCE_S))
        await client.greeted()
        return client

    patch.setattr(ReadingClient, "open", classmethod(in_clear))


def answers_everything(patch: pytest.MonkeyPatch) -> None:
    """A receiver that answers every message for its owner, and forgets that it has."""
    patch.setattr(rules, "_PAUSE_S", 0.0)


def numbers_anew(patch: pytest.MonkeyPatch) -> None:
    """An IMAP server that gives the identifiers of expunged messages to new ones."""
    refresh = ImapFolder.refresh

    def careless(self: ImapFolder) -> None:
        self._next_uid = max(self._uids, default=0) + 1
        refresh(self)

    patch.setattr(ImapFolder, "refresh", careless)


def keeps_what_came_in_clear(patch: pytest.MonkeyPatch) -> None:
    """A POP3 server that obeys, under TLS, what came in clear behind STLS."""
    agree = Pop3Session._stls

    def careless(self: Pop3Session, argument: str) -> bytes:
        came = bytes(self._received)
        answer = agree(self, argument)
        self._received += came
        return answer

    patch.setitem(_COMMANDS[State.AUTHORIZATION], "STLS", careless)


FINDINGS = {
    "agent-off-at-delivery-pop3": "credentials-in-clear",
    "agent-off-at-delivery-imap": "credentials-in-clear",
    "bad-certificate-of-a-mailbox-pop3-starttls-expired": "tls-certificate-expired",
    "bad-certificate-of-a-mailbox-pop3-starttls-wrong-name": "tls-certificate-wrong-name",
    "bad-certificate-of-a-mailbox-pop3-implicit-expired": "tls-certificate-expired",
    "bad-certificate-of-a-mailbox-pop3-implicit-wrong-name": "tls-certificate-wrong-name",
    "bad-certificate-of-a-mailbox-imap-starttls-expired": "tls-certificate-expired",
    "bad-certificate-of-a-mailbox-imap-starttls-wrong-name": "tls-certificate-wrong-name",
    "bad-certificate-of-a-mailbox-imap-implicit-expired": "tls-certificate-expired",
    "bad-certificate-of-a-mailbox-imap-implicit-wrong-name": "tls-certificate-wrong-name",
    "imap-expunged-uids": "credentials-in-clear",
    "imap-idle": "credentials-in-clear",
    "imap-login-refused-bob": "credentials-in-clear login-refused",
    "imap-login-refused-nobody": "credentials-in-clear login-refused",
    "imap-message-limit": "credentials-in-clear delivery-retried mailbox-full over-quota",
    "imap-move-answer-lost": "connection-reset credentials-in-clear move-interrupted",
    "imap-move-interrupted-reset": "connection-reset credentials-in-clear move-interrupted",
    "imap-move-interrupted-close": "credentials-in-clear move-interrupted",
    "imap-over-quota": "credentials-in-clear over-quota",
    "pop3-autologout": "credentials-in-clear deletions-undone",
    "pop3-beside-imap": "credentials-in-clear",
    "pop3-command-behind-stls": "commands-behind-starttls",
    "pop3-connection-lost-RETR-reset": "connection-reset credentials-in-clear server-hung-up",
    "pop3-connection-lost-RETR-close": "credentials-in-clear server-hung-up",
    "pop3-connection-lost-RETR-stall": "credentials-in-clear no-reply",
    "pop3-connection-lost-DELE-stall": "credentials-in-clear no-reply",
    "pop3-connection-lost-QUIT-stall": "credentials-in-clear deletions-in-doubt",
    "pop3-connection-lost-DELE-reset": "connection-reset credentials-in-clear server-hung-up",
    "pop3-connection-lost-DELE-close": "credentials-in-clear server-hung-up",
    "pop3-connection-lost-QUIT-reset": "connection-reset credentials-in-clear deletions-in-doubt",
    "pop3-connection-lost-QUIT-close": "credentials-in-clear deletions-in-doubt",
    "pop3-cut-before-quit": "credentials-in-clear deletions-undone",
    "pop3-fetched-and-deleted": "credentials-in-clear",
    "pop3-login-refused-bob": "credentials-in-clear login-refused",
    "pop3-login-refused-nobody": "credentials-in-clear login-refused",
    "pop3-marked-then-gone-close": "credentials-in-clear deletions-undone",
    "pop3-marked-then-gone-reset": "connection-reset credentials-in-clear deletions-undone",
    "pop3-mailbox-in-use": "credentials-in-clear mailbox-in-use",
    "read-through-tls": "",
    "rules-of-a-mailbox": "",
}

GUARDS: dict[str, Break] = {
    "agent-off-at-delivery": throws_away,
    "bad-certificate-of-a-mailbox": ignores_certificates,
    "imap-expunged-uids": numbers_anew,
    "imap-idle": tells_nobody,
    "imap-login-refused": opens_to_anybody,
    "imap-message-limit": has_any_amount_of_room,
    "imap-move-answer-lost": moves_by_copying,
    "imap-move-interrupted": loses_what_is_moved,
    "imap-over-quota": has_any_amount_of_room,
    "pop3-autologout": deletes_without_quit,
    "pop3-beside-imap": moves_by_copying,
    "pop3-command-behind-stls": keeps_what_came_in_clear,
    "pop3-connection-lost": keeps_the_lock,
    "pop3-cut-before-quit": deletes_without_quit,
    "pop3-fetched-and-deleted": never_deletes,
    "pop3-login-refused": opens_to_anybody,
    "pop3-marked-then-gone": deletes_without_quit,
    "pop3-mailbox-in-use": locks_nothing,
    "read-through-tls": reads_in_clear,
    "rules-of-a-mailbox": answers_everything,
}
