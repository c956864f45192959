"""All folders of a mailbox as pymap sees them: which there are, made, deleted and renamed (RFC 3501 §6.3)."""

from __future__ import annotations

import re
import shutil

from pymap.backend.mailbox import MailboxSetInterface
from pymap.exceptions import MailboxNotFound, NotSupportedError, ResponseError
from pymap.listtree import ListTree
from pymap.parsing.response import ResponseCode, ResponseNo
from pymap.parsing.specials import ObjectId
from pymap.selected import SelectedMailbox

from testbed.hosts.mailboxes.imap_list import DELIMITER, FolderTree
from testbed.hosts.mailboxes.imap_store import ImapFolder
from testbed.hosts.mailboxes.mailbox import INBOX, Mailbox
from testbed.hosts.mailboxes.rehearsal import for_real
from testbed.hosts.site import Site

_NAME = re.compile(r"[\w][\w -]*(?:/[\w][\w -]*)*")
_MOST_FOLDERS = 500  # of a mailbox; each is looked into for its size
_LONGEST_NAME = 200  # octets; file systems allow 255


class _LimitError(ResponseError):
    """More folders than a mailbox may have (RFC 9051 §7.1, LIMIT)."""

    def get_response(self, tag: bytes) -> ResponseNo:
        return ResponseNo(tag, b"A mailbox has no more than %d folders." % _MOST_FOLDERS, ResponseCode.of(b"LIMIT"))


class Folders(MailboxSetInterface[ImapFolder]):
    """All folders of one mailbox."""

    def __init__(self, box: Mailbox, site: Site) -> None:
        self.box = box
        self._site = site
        self._open: dict[str, ImapFolder] = {}
        self._subscribed: set[str] = set()
        self._uid_validities: dict[str, int] = {}  # the last that each name had
        box.watch(self._wake)

    @property
    def delimiter(self) -> str:
        return DELIMITER

    async def set_subscribed(self, name: str, subscribed: bool) -> None:
        if subscribed and name not in self.box.folder_names():
            raise MailboxNotFound(name)
        if subscribed and len(self._subscribed) >= _MOST_FOLDERS:
            raise _LimitError
        for_real()
        (self._subscribed.add if subscribed else self._subscribed.discard)(name)

    async def list_subscribed(self) -> ListTree:
        names = [name for name in self.box.folder_names() if name in self._subscribed]
        return FolderTree().update(INBOX, *names)

    async def list_mailboxes(self) -> ListTree:
        return FolderTree().update(*self.box.folder_names())

    async def get_mailbox(self, name: str) -> ImapFolder:
        if name not in self.box.folder_names():
            raise KeyError(name)
        if name not in self._open:
            self._open[name] = ImapFolder(name, self.box, self._site, self._uid_validity(name, int(self._site.now())))
        self._open[name].refresh()
        return self._open[name]

    async def folder_of(self, selected: SelectedMailbox) -> ImapFolder:
        """The folder a session has selected, whatever its name is now.  Raises MailboxNotFound."""
        for folder in self._open.values():
            if folder.mailbox_id == selected.mailbox_id and folder.name in self.box.folder_names():
                folder.refresh()
                return folder
        raise MailboxNotFound(selected.lookup)

    async def add_mailbox(self, name: str) -> ObjectId:
        _check(name)
        if name in self.box.folder_names():
            raise ValueError(name)
        if len(self.box.folder_names()) >= _MOST_FOLDERS:
            raise _LimitError
        for_real()
        self.box.folder(name)
        return (await self.get_mailbox(name)).mailbox_id

    async def delete_mailbox(self, name: str) -> None:
        if name not in self.box.folder_names():
            raise KeyError(name)
        folder = await self.get_mailbox(name)
        for_real()
        await folder.delete([message.uid async for message in folder.messages()])
        self._open.pop(name)
        shutil.rmtree(self.box.folder_path(name))

    async def rename_mailbox(self, before: str, after: str) -> None:
        """A folder goes with all below it; of the inbox, the messages go and it stays (RFC 9051 §6.3.6)."""
        if before == INBOX:
            await self.add_mailbox(after)
            inbox, there = await self.get_mailbox(INBOX), await self.get_mailbox(after)
            with self.box.changing():
                for uid in [message.uid async for message in inbox.messages()]:
                    await inbox.move(uid, there)
            return
        tree = FolderTree().update(*self.box.folder_names())
        if tree.get(before) is None:
            raise KeyError(before)
        if tree.get(after) is not None:
            raise ValueError(after)
        if after.startswith(before + DELIMITER):
            raise NotSupportedError("A folder cannot be put into itself")
        renames = tree.get_renames(before, after)
        for _, name in renames:
            _check(name)
        for_real()
        for old, new in renames:
            folder = await self.get_mailbox(old)
            folder.rename(new, self._uid_validity(new, folder.uid_validity))
            self._open[new] = self._open.pop(old)

    def _uid_validity(self, name: str, wanted: int) -> int:
        """What is wanted, or more where the name stood for other messages before (RFC 9051 §2.3.1.1)."""
        self._uid_validities[name] = max(wanted, self._uid_validities.get(name, 0) + 1)
        return self._uid_validities[name]

    def _wake(self) -> None:
        for folder in self._open.values():
            folder.wake()


def _check(name: str) -> None:
    """Raises NotSupportedError for a name no folder may have."""
    if not _NAME.fullmatch(name) or len(name.encode()) > _LONGEST_NAME:
        raise NotSupportedError("A folder's name has letters, digits, blanks, - and _")
