"""Our mailboxes as pymap sees them: folders with UIDs and flags, and a quota (RFC 3501 §2.3, RFC 9208).

Messages and flags live on disk; UIDs live as long as the lab, which is as long as UIDVALIDITY promises.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterable, Iterable, Iterator
from datetime import UTC, datetime

from pymap.backend.mailbox import MailboxDataInterface, MailboxSetInterface
from pymap.concurrent import Event as Signal
from pymap.exceptions import NotSupportedError
from pymap.flags import FlagOp
from pymap.interfaces.message import CachedMessage
from pymap.listtree import ListTree
from pymap.mailbox import MailboxSnapshot
from pymap.message import BaseLoadedMessage, BaseMessage
from pymap.mime import MessageContent
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement, Flag, ObjectId
from pymap.parsing.specials.flag import Answered, Deleted, Draft, Flagged, Seen
from pymap.selected import SelectedMailbox, SelectedSet

from testbed.hosts.mailbox import INBOX, Mailbox
from testbed.hosts.site import Site
from testbed.protocols.events import Event
from testbed.protocols.header import header_field

DELIMITER = "/"
_LETTERS = {"S": Seen, "R": Answered, "F": Flagged, "D": Draft, "T": Deleted}
_NAME = re.compile(r"[\w][\w -]*(?:/[\w][\w -]*)*")


class Message(BaseMessage):
    """A message's number and flags; its octets are read when somebody wants them."""

    __slots__ = ("_folder",)

    def __init__(self, uid: int, date: datetime, flags: Iterable[Flag], folder: Folder, *, expunged: bool) -> None:
        super().__init__(uid, date, flags, expunged=expunged)
        self._folder = folder

    async def load_content(self, requirement: FetchRequirement) -> BaseLoadedMessage:
        """The octets as they lie on disk."""
        if requirement.has_none(FetchRequirement.CONTENT):
            return BaseLoadedMessage(self, requirement, None)
        octets = self._folder.octets_of(self.uid)
        return BaseLoadedMessage(self, requirement, None if octets is None else MessageContent.parse(octets))


class Folder(MailboxDataInterface[Message]):
    """One folder, the same object for every session."""

    def __init__(self, name: str, box: Mailbox, site: Site) -> None:
        self.name = name
        self.box = box
        self._site = site
        self._folder = box.folder(name)
        self._uids: dict[int, str] = {}
        self._next_uid = 1
        self._uid_validity = int(site.now())
        self._id = ObjectId.random_mailbox_id()
        self._selected = SelectedSet()
        self._signal = Signal.for_asyncio()
        self.look()

    @property
    def mailbox_id(self) -> ObjectId:
        return self._id

    @property
    def readonly(self) -> bool:
        return False

    @property
    def uid_validity(self) -> int:
        return self._uid_validity

    @property
    def selected_set(self) -> SelectedSet:
        return self._selected

    def look(self) -> None:
        """Number what has come since, and forget what has gone."""
        keys = self._folder.keys()
        known, there = set(self._uids.values()), set(keys)
        self._uids = {uid: key for uid, key in self._uids.items() if key in there}
        for key in keys:
            if key not in known:
                self._number(key)

    def wake(self) -> None:
        """Have those look who wait for news."""
        self._signal.set()
        self._signal.clear()

    def octets_of(self, uid: int) -> bytes | None:
        """A message, None when it is gone."""
        try:
            return self._folder.read(self._uids[uid])
        except KeyError:
            return None

    def size_of(self, uid: int) -> int:
        """The octets of a message, 0 when it is gone."""
        try:
            return self._folder.octets(self._uids[uid])
        except KeyError:
            return 0

    async def update_selected(self, selected: SelectedMailbox, *, wait_on: Signal | None = None) -> SelectedMailbox:
        """With ``wait_on`` (IDLE), return once something has happened here, or that event has."""
        if wait_on is not None and not self._has_news_for(selected):
            await wait_on.or_event(self._signal).wait()
        selected.set_messages(list(self._messages()))
        return selected

    async def append(self, append_msg: AppendMessage, *, recent: bool = False) -> Message:
        date = append_msg.when.timestamp() if append_msg.when else self._site.now()
        key = self._folder.add(append_msg.literal, date, _letters(append_msg.flag_set))
        uid = self._number(key)
        self.filed(uid, "appended")
        return self._message(uid)

    async def copy(self, uid: int, destination: Folder, *, recent: bool = False) -> int | None:
        octets = self.octets_of(uid)
        if octets is None:
            return None
        key = self._uids[uid]
        there = destination._number(destination._folder.add(octets, self._folder.date(key), self._folder.flags(key)))
        destination.filed(there, "copied")
        return there

    async def move(self, uid: int, destination: Folder, *, recent: bool = False) -> int | None:
        key = self._uids.get(uid)
        if key is None:
            return None
        self._folder.move(key, destination._folder)
        there = destination._number(key)
        self._uids.pop(uid, None)
        destination.filed(there, "moved")
        return there

    async def get(self, uid: int, cached_msg: CachedMessage) -> Message:
        return self._message(uid, cached_msg)

    async def update(self, uid: int, cached_msg: CachedMessage, flag_set: frozenset[Flag], mode: FlagOp) -> Message:
        message = self._message(uid, cached_msg)
        flags = mode.apply(message.permanent_flags, flag_set)
        if message.expunged:
            message.permanent_flags = flags
            return message
        self._folder.flag(self._uids[uid], _letters(flags))
        return self._message(uid)

    async def delete(self, uids: Iterable[int]) -> None:
        for uid in uids:
            octets = self.octets_of(uid)
            if octets is None:
                continue
            message_id = header_field(octets, "Message-ID")
            self._folder.delete(self._uids.pop(uid))
            self._site.log(
                Event.DELETED,
                f"{message_id} is deleted from {self.name} of <{self.box.address}>",
                recipient=self.box.address,
                message_id=message_id,
                folder=self.name,
                via="imap",
            )
        self.box.changed()

    async def claim_recent(self, selected: SelectedMailbox) -> None:
        for uid, key in self._uids.items():
            if self._folder.is_new(key):
                self._folder.flag(key, "")
                selected.session_flags.add_recent(uid)

    async def cleanup(self) -> None:
        self.look()

    async def snapshot(self) -> MailboxSnapshot:
        messages = list(self._messages())
        unseen = [n for n, message in enumerate(messages, 1) if Seen not in message.permanent_flags]
        return MailboxSnapshot(
            self.mailbox_id,
            self.readonly,
            self.uid_validity,
            self.permanent_flags,
            self.session_flags,
            len(messages),
            sum(self._folder.is_new(key) for key in self._uids.values()),
            len(unseen),
            next(iter(unseen), None),
            self._next_uid,
        )

    async def messages(self) -> AsyncIterable[Message]:
        """Every message, in the order of UIDs."""
        for message in self._messages():
            yield message

    def filed(self, uid: int, how: str) -> None:
        """Log that a reader has put a message in here."""
        message_id = header_field(self.octets_of(uid) or b"", "Message-ID")
        self._site.log(
            Event.FILED,
            f"{message_id} is {how} into {self.name} of <{self.box.address}>",
            recipient=self.box.address,
            message_id=message_id,
            folder=self.name,
            how=how,
        )
        self.box.changed()

    def _number(self, key: str) -> int:
        uid, self._next_uid = self._next_uid, self._next_uid + 1
        self._uids[uid] = key
        return uid

    def _messages(self) -> Iterator[Message]:
        return (self._message(uid) for uid in self._uids)

    def _message(self, uid: int, cached: CachedMessage | None = None) -> Message:
        """A message as it is now, or as it was before it was deleted."""
        key = self._uids.get(uid)
        if key is None:
            assert cached is not None
            return Message(uid, cached.internal_date, cached.permanent_flags, self, expunged=True)
        date = datetime.fromtimestamp(self._folder.date(key), UTC)
        flags = [_LETTERS[letter] for letter in self._folder.flags(key) if letter in _LETTERS]
        return Message(uid, date, flags, self, expunged=False)

    def _has_news_for(self, selected: SelectedMailbox) -> bool:
        told = selected.messages
        return told.exists != len(self._uids) or any(told.get(uid) is None for uid in self._uids)


class Folders(MailboxSetInterface[Folder]):
    """All folders of one mailbox."""

    def __init__(self, box: Mailbox, site: Site) -> None:
        self.box = box
        self._site = site
        self._open: dict[str, Folder] = {}
        self._subscribed: set[str] = set()
        box.watch(self._look)

    @property
    def delimiter(self) -> str:
        return DELIMITER

    async def set_subscribed(self, name: str, subscribed: bool) -> None:
        (self._subscribed.add if subscribed else self._subscribed.discard)(name)

    async def list_subscribed(self) -> ListTree:
        names = [name for name in self.box.folder_names() if name in self._subscribed]
        return ListTree(DELIMITER).update(INBOX, *names)

    async def list_mailboxes(self) -> ListTree:
        return ListTree(DELIMITER).update(*self.box.folder_names())

    async def get_mailbox(self, name: str) -> Folder:
        if name not in self.box.folder_names():
            raise KeyError(name)
        if name not in self._open:
            self._open[name] = Folder(name, self.box, self._site)
        self._open[name].look()
        return self._open[name]

    async def add_mailbox(self, name: str) -> ObjectId:
        if not _NAME.fullmatch(name) or len(name) > 200:
            raise NotSupportedError("A folder's name has letters, digits, blanks, - and _")
        if name in self.box.folder_names():
            raise ValueError(name)
        self.box.folder(name)
        return (await self.get_mailbox(name)).mailbox_id

    async def delete_mailbox(self, name: str) -> None:
        if name not in self.box.folder_names():
            raise KeyError(name)
        folder = await self.get_mailbox(name)
        await folder.delete([message.uid async for message in folder.messages()])
        self._open.pop(name)
        shutil.rmtree(self.box.folder_path(name))

    async def rename_mailbox(self, before: str, after: str) -> None:
        raise NotSupportedError("Folders keep their names here")

    def _look(self) -> None:
        for folder in self._open.values():
            folder.look()
            folder.wake()


def _letters(flags: Iterable[Flag]) -> str:
    given = set(flags)
    return "".join(letter for letter, flag in _LETTERS.items() if flag in given)
