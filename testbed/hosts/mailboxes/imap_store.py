"""Our folders as pymap sees them, with UIDs and flags (RFC 3501 §2.3).

Messages and flags live on disk; UIDs live as long as the lab, which is as long as UIDVALIDITY promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime

from pymap.backend.mailbox import MailboxDataInterface
from pymap.bytes import Writeable
from pymap.concurrent import Event as Signal
from pymap.flags import FlagOp
from pymap.interfaces.message import CachedMessage
from pymap.mailbox import MailboxSnapshot
from pymap.message import BaseLoadedMessage, BaseMessage
from pymap.mime import MessageContent
from pymap.parsing.message import AppendMessage
from pymap.parsing.response.fetch import EnvelopeStructure
from pymap.parsing.specials import FetchRequirement, Flag, ObjectId
from pymap.parsing.specials.flag import Answered, Deleted, Draft, Flagged, Seen
from pymap.selected import SelectedMailbox, SelectedSet

from testbed.hosts.mailboxes.imap_structure import message_content
from testbed.hosts.mailboxes.mailbox import Mailbox
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.header import header_field, named

# What time zones may move beyond the years a datetime has.
_FIRST_S, _LAST_S = (datetime(*day, tzinfo=UTC).timestamp() for day in ((1, 1, 2), (9999, 12, 30)))
_LETTERS = {"S": Seen, "R": Answered, "F": Flagged, "D": Draft, "T": Deleted}


room_to_write: ContextVar[Callable[[], Awaitable[None]]] = ContextVar("room_to_write")
"""Returns once the client of this task's connection has taken most of what it was sent."""


class ImapMessage(BaseMessage):
    """A message's number and flags; its octets are read when somebody wants them."""

    __slots__ = ("_folder",)

    def __init__(self, uid: int, date: datetime, flags: Iterable[Flag], folder: ImapFolder, *, expunged: bool) -> None:
        super().__init__(uid, date, flags, expunged=expunged)
        self._folder = folder

    async def load_content(self, requirement: FetchRequirement) -> BaseLoadedMessage:
        """What is asked of it, once there is room for it on the way to the client; others have their turn before."""
        await asyncio.sleep(0)
        await room_to_write.get()()
        return LoadedMessage(self, requirement, self._folder)


class LoadedMessage(BaseLoadedMessage):
    """Reads no more of a message than its size and header where nobody asks for more."""

    __slots__ = ("_folder", "_whole")

    def __init__(self, message: ImapMessage, requirement: FetchRequirement, folder: ImapFolder) -> None:
        super().__init__(message, requirement, None)
        self._folder = folder
        self._whole: MessageContent | None = None

    @property
    def content(self) -> MessageContent:
        """All of it, with its parts."""
        if self._whole is None:
            octets = self._folder.octets_of(self.message.uid)
            if octets is None:
                return super().content  # which raises what pymap awaits
            self._whole = message_content(octets)
        return self._whole

    def get_size(self, section: Sequence[int] | None = None) -> int:
        return super().get_size(section) if section else self._folder.size_of(self.message.uid)

    def get_header(self, name: bytes) -> Sequence[str]:
        return self._header().get_header(name)

    def get_envelope_structure(self) -> EnvelopeStructure:
        return self._header().get_envelope_structure()

    def get_message_headers(
        self, section: Sequence[int] | None = None, subset: Collection[bytes] | None = None, inverse: bool = False
    ) -> Writeable:
        if section:
            return super().get_message_headers(section, subset, inverse)
        return self._header().get_message_headers(section, subset, inverse)

    def _header(self) -> BaseLoadedMessage:
        head = self._folder.head_of(self.message.uid)
        return BaseLoadedMessage(self.message, self.requirement, None if head is None else message_content(head))


class ImapFolder(MailboxDataInterface[ImapMessage]):
    """One folder, the same object for every session.  What is done to a message lets others have their turn."""

    def __init__(self, name: str, box: Mailbox, site: Site, uid_validity: int) -> None:
        self.name = name
        self.box = box
        self._site = site
        self._folder = box.folder(name)
        self._uids: dict[int, str] = {}
        self._next_uid = 1
        self._uid_validity = uid_validity
        self._id = ObjectId.random_mailbox_id()
        self._selected = SelectedSet()
        self._signal = Signal.for_asyncio()
        self.refresh()

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

    def rename(self, name: str, uid_validity: int) -> None:
        """Go by another name; messages keep their numbers and flags."""
        self.box.folder_path(self.name).rename(self.box.folder_path(name))
        self.name = name
        self._folder = self.box.folder(name)
        self._uid_validity = uid_validity

    def refresh(self) -> None:
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

    def head_of(self, uid: int) -> bytes | None:
        """The header of a message, None when it is gone."""
        try:
            return self._folder.head(self._uids[uid])
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
        if wait_on is not None and (self.box.is_changing or not self._has_news_for(selected)):
            await wait_on.or_event(self._signal).wait()
            with suppress(FileNotFoundError):  # somebody has deleted the folder meanwhile
                self.refresh()
        selected.set_messages(list(self._messages()))
        return selected

    async def append(self, append_msg: AppendMessage, *, recent: bool = False) -> ImapMessage:
        date = append_msg.when.timestamp() if append_msg.when else self._site.now()
        key = self._folder.add(append_msg.literal, date, _letters(append_msg.flag_set))
        uid = self._number(key)
        self.filed(uid, "appended")
        message = self._message(uid)
        await asyncio.sleep(0)
        return message

    async def copy(self, uid: int, destination: ImapFolder, *, recent: bool = False) -> int | None:
        try:
            there = destination._number(self._folder.copy(self._uids[uid], destination._folder))
        except KeyError:
            return None
        destination.filed(there, "copied")
        await asyncio.sleep(0)
        return there

    async def move(self, uid: int, destination: ImapFolder, *, recent: bool = False) -> int | None:
        key = self._uids.get(uid)
        if key is None:
            return None
        self._folder.move(key, destination._folder)
        there = destination._number(key)
        self._uids.pop(uid, None)
        destination.filed(there, "moved")
        await asyncio.sleep(0)
        return there

    async def get(self, uid: int, cached_msg: CachedMessage) -> ImapMessage:
        await asyncio.sleep(0)
        return self._message(uid, cached_msg)

    async def update(self, uid: int, cached_msg: CachedMessage, flag_set: frozenset[Flag], mode: FlagOp) -> ImapMessage:
        message = self._message(uid, cached_msg)
        flags = mode.apply(message.permanent_flags, flag_set)
        if message.expunged:
            message.permanent_flags = flags
            return message
        self._folder.flag(self._uids[uid], _letters(flags))
        await asyncio.sleep(0)
        return self._message(uid, cached_msg)

    async def delete(self, uids: Iterable[int]) -> None:
        with self.box.changing():
            for uid in uids:
                head = self.head_of(uid)
                if head is None:
                    continue
                message_id = header_field(head, "Message-ID")
                self._folder.delete(self._uids.pop(uid))
                self._site.log(
                    events.Deleted(recipient=self.box.address, message_id=message_id, folder=self.name, via="imap"),
                    f"{named(message_id)} is deleted from {self.name} of <{self.box.address}>",
                )
                await asyncio.sleep(0)

    async def claim_recent(self, selected: SelectedMailbox) -> None:
        for uid, key in self._uids.items():
            if self._folder.is_new(key):
                self._folder.flag(key, "")
                selected.session_flags.add_recent(uid)

    async def cleanup(self) -> None:
        self.refresh()

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

    async def messages(self) -> AsyncIterable[ImapMessage]:
        """Every message, in the order of UIDs."""
        for message in self._messages():
            yield message

    def filed(self, uid: int, how: str) -> None:
        """Log that a reader has put a message in here; whoever waits for news is told at the command's end."""
        message_id = header_field(self.head_of(uid) or b"", "Message-ID")
        self._site.log(
            events.Filed(recipient=self.box.address, message_id=message_id, folder=self.name, how=how),
            f"{named(message_id)} is {how} into {self.name} of <{self.box.address}>",
        )

    def _number(self, key: str) -> int:
        uid, self._next_uid = self._next_uid, self._next_uid + 1
        self._uids[uid] = key
        return uid

    def _messages(self) -> Iterator[ImapMessage]:
        return (self._message(uid) for uid in self._uids)

    def _message(self, uid: int, cached: CachedMessage | None = None) -> ImapMessage:
        """A message as it is now, or as it was before it was deleted."""
        key = self._uids.get(uid)
        if key is None:
            assert cached is not None
            return ImapMessage(uid, cached.internal_date, cached.permanent_flags, self, expunged=True)
        date = datetime.fromtimestamp(min(max(self._folder.date(key), _FIRST_S), _LAST_S), UTC)
        flags = [_LETTERS[letter] for letter in self._folder.flags(key) if letter in _LETTERS]
        return ImapMessage(uid, date, flags, self, expunged=False)

    def _has_news_for(self, selected: SelectedMailbox) -> bool:
        told = selected.messages
        return told.exists != len(self._uids) or any(told.get(uid) is None for uid in self._uids)


def _letters(flags: Iterable[Flag]) -> str:
    given = set(flags)
    return "".join(letter for letter, flag in _LETTERS.items() if flag in given)
