"""GETQUOTA and GETQUOTAROOT (RFC 9208 §4.1), which pymap lacks.  A mailbox is one quota root, with the empty name."""

from __future__ import annotations

from pymap.parsing import EndLine, Params, Space
from pymap.parsing.command import Command, CommandAuth
from pymap.parsing.commands import Commands
from pymap.parsing.response import CommandResponse, ResponseNo, ResponseOk, UntaggedResponse
from pymap.parsing.specials import AString, Mailbox
from pymap.selected import SelectedMailbox

from testbed.hosts.mailboxes.imap_close import ClosingState
from testbed.hosts.mailboxes.imap_idle import IdlingState
from testbed.hosts.mailboxes.imap_session import ImapSession

_UNIT = 1_024  # octets of STORAGE (RFC 9208 §5.1)


class _GetQuotaRoot(CommandAuth):
    command = b"GETQUOTAROOT"

    def __init__(self, tag: bytes, mailbox: str) -> None:
        super().__init__(tag)
        self.mailbox = mailbox

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[Command, memoryview]:
        _, buf = Space.parse(buf, params)
        mailbox, buf = Mailbox.parse(buf, params)
        _, buf = EndLine.parse(buf, params)
        return cls(params.tag, str(mailbox)), buf


class _GetQuota(CommandAuth):
    command = b"GETQUOTA"

    def __init__(self, tag: bytes, root: bytes) -> None:
        super().__init__(tag)
        self.root = root

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[Command, memoryview]:
        _, buf = Space.parse(buf, params)
        root, buf = AString.parse(buf, params)
        _, buf = EndLine.parse(buf, params)
        return cls(params.tag, root.value), buf


class QuotaCommands(Commands):
    """pymap's commands and these two."""

    def __init__(self) -> None:
        super().__init__()
        self.register(_GetQuotaRoot)
        self.register(_GetQuota)


class QuotaState(ClosingState, IdlingState):
    """Does what the two commands ask; pymap finds the methods by their names."""

    async def do_getquotaroot(self, cmd: _GetQuotaRoot) -> tuple[CommandResponse, SelectedMailbox | None]:
        """The quota root of a folder, and its quota where there is one."""
        session = self._session_of_ours()
        await session.get_mailbox(cmd.mailbox)
        response = ResponseOk(cmd.tag, b"GETQUOTAROOT completed.")
        root = _quota(session)
        response.add_untagged(UntaggedResponse(b"QUOTAROOT %b%b" % (bytes(Mailbox(cmd.mailbox)), root and b' ""')))
        if root:
            response.add_untagged(UntaggedResponse(root))
        return response, None

    async def do_getquota(self, cmd: _GetQuota) -> tuple[CommandResponse, SelectedMailbox | None]:
        """The quota of a root."""
        root = _quota(self._session_of_ours())
        if cmd.root or not root:
            return ResponseNo(cmd.tag, b"There is no such quota root."), None
        response = ResponseOk(cmd.tag, b"GETQUOTA completed.")
        response.add_untagged(UntaggedResponse(root))
        return response, None

    def _session_of_ours(self) -> ImapSession:
        session = self.session
        assert isinstance(session, ImapSession)
        return session


def _quota(session: ImapSession) -> bytes:
    """The QUOTA response, empty where the mailbox may hold any amount."""
    box = session.box
    parts = []
    if box.quota is not None:
        parts.append(b"STORAGE %d %d" % (-(-box.octets // _UNIT), box.quota // _UNIT))
    if box.limit is not None:
        parts.append(b"MESSAGE %d %d" % (box.count, box.limit))
    return b'QUOTA "" (%b)' % b" ".join(parts) if parts else b""
