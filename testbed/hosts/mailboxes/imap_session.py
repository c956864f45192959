"""Who may open which mailbox by IMAP, and what a quota forbids them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from pymap.backend.session import BaseSession
from pymap.config import IMAPConfig
from pymap.exceptions import AuthorizationFailure, InvalidAuth, MailboxNotFound, NotSupportedError, ResponseError
from pymap.interfaces.login import IdentityInterface, LoginInterface
from pymap.parsing.message import AppendMessage
from pymap.parsing.response import ResponseCode, ResponseNo
from pymap.parsing.response.code import AppendUid, CopyUid
from pymap.parsing.specials import SequenceSet
from pymap.selected import SelectedMailbox
from pymap.token import AllTokens
from pymap.user import UserMetadata
from pysasl.creds.server import ServerCredentials
from pysasl.identity import Identity

from testbed.hosts.mailboxes.imap_folders import Folders
from testbed.hosts.mailboxes.imap_store import ImapFolder, ImapMessage
from testbed.hosts.mailboxes.mailbox import Mailbox
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.rehearsal import for_real
from testbed.hosts.site import Site


class OverQuota(ResponseError):
    """More than the mailbox may hold (RFC 9208 §4.3.1)."""

    def get_response(self, tag: bytes) -> ResponseNo:
        return ResponseNo(tag, b"The mailbox is full.", ResponseCode.of(b"OVERQUOTA"))


class Accounts(LoginInterface):
    """The users of a post office.  Folders are shared by all sessions of a mailbox."""

    def __init__(self, site: Site, post_office: PostOffice, config: IMAPConfig) -> None:
        self._site = site
        self._post_office = post_office
        self._config = config
        self._tokens = AllTokens(config)
        self._folders: dict[str, Folders] = {}

    @property
    def tokens(self) -> AllTokens:
        return self._tokens

    async def authenticate(self, credentials: ServerCredentials) -> IdentityInterface:
        """Raises InvalidAuth, with the same words for an unknown user and a wrong password."""
        asked = _Asked(credentials.authcid, self._post_office)
        if not credentials.verify(asked) or asked.mailbox is None:
            raise InvalidAuth
        box = asked.mailbox
        if box.address not in self._folders:
            self._folders[box.address] = Folders(box, self._site)
        return _Reader(credentials.authcid, self._folders[box.address], self._config)

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> IdentityInterface:
        """Nobody reads for somebody else."""
        if authenticated.name != authzid:
            raise AuthorizationFailure
        return authenticated


class ImapSession(BaseSession[ImapMessage]):
    """What a reader may do, within the quota of the mailbox: all of a command, or nothing (RFC 3501 §6.4.7)."""

    def __init__(self, owner: str, folders: Folders, config: IMAPConfig) -> None:
        super().__init__(owner)
        self._folders = folders
        self._config = config

    @property
    def config(self) -> IMAPConfig:
        return self._config

    @property
    def mailbox_set(self) -> Folders:
        return self._folders

    @property
    def box(self) -> Mailbox:
        """The mailbox."""
        return self._folders.box

    async def append_messages(
        self, name: str, messages: Sequence[AppendMessage], selected: SelectedMailbox | None = None
    ) -> tuple[AppendUid, SelectedMailbox | None]:
        await self._must_be_there(name)
        self._room_for([len(message.literal) for message in messages])
        with self.box.changing():  # whoever waits has to look through the whole mailbox
            return await super().append_messages(name, messages, selected)

    async def copy_messages(
        self, selected: SelectedMailbox, sequence_set: SequenceSet, mailbox: str
    ) -> tuple[CopyUid | None, SelectedMailbox]:
        await self._must_be_there(mailbox)
        folder = await self._folders.folder_of(selected)
        self._room_for([folder.size_of(uid) for _, uid in selected.messages.get_uids(sequence_set)])
        with self.box.changing():  # whoever waits has to look through the whole mailbox
            return await super().copy_messages(selected, sequence_set, mailbox)

    async def move_messages(
        self, selected: SelectedMailbox, sequence_set: SequenceSet, mailbox: str
    ) -> tuple[CopyUid | None, SelectedMailbox]:
        with self.box.changing():  # whoever waits has to look through the whole mailbox
            return await super().move_messages(selected, sequence_set, mailbox)

    async def expunge_mailbox(self, selected: SelectedMailbox, uid_set: SequenceSet | None = None) -> SelectedMailbox:
        return selected if selected.readonly else await super().expunge_mailbox(selected, uid_set)

    async def _get_selected(self, selected: SelectedMailbox) -> ImapFolder:
        return await self._folders.folder_of(selected)

    async def _must_be_there(self, name: str) -> None:
        """Raises MailboxNotFound, which tells that the folder may be made (RFC 3501 §6.3.11)."""
        try:
            await self._folders.get_mailbox(name)
        except KeyError:
            raise MailboxNotFound(name, try_create=True) from None

    def _room_for(self, sizes: list[int]) -> None:
        if sizes and not self.box.has_room_for(sum(sizes), len(sizes)):
            raise OverQuota


class _Reader(IdentityInterface):
    """Somebody who has logged in."""

    def __init__(self, name: str, folders: Folders, config: IMAPConfig) -> None:
        self._name = name
        self._folders = folders
        self._config = config

    @property
    def name(self) -> str:
        return self._name

    @property
    def roles(self) -> frozenset[str]:
        return frozenset()

    @asynccontextmanager
    async def new_session(self) -> AsyncIterator[ImapSession]:
        for_real()
        yield ImapSession(self._name, self._folders, self._config)

    async def new_token(self, *, expiration: datetime | None = None) -> str | None:
        return None

    async def get(self) -> UserMetadata:
        return UserMetadata(self._config, self._name)

    async def set(self, metadata: UserMetadata) -> int | None:
        raise NotSupportedError

    async def delete(self) -> None:
        raise NotSupportedError


class _Asked(Identity):
    """Somebody who says who he is; ``mailbox`` is his once his password has been found right."""

    def __init__(self, name: str, post_office: PostOffice) -> None:
        self._name = name
        self._post_office = post_office
        self.mailbox: Mailbox | None = None

    @property
    def authcid(self) -> str:
        return self._name

    def compare_authcid(self, authcid: str) -> bool:
        return authcid == self._name

    def compare_secret(self, value: str) -> bool:
        self.mailbox = self._post_office.account(self._name, value)
        return self.mailbox is not None

    def get_clear_secret(self) -> str | None:
        return None
