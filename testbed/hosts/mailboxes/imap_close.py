"""CLOSE of a folder that is only looked at: nothing is removed, and no error is given (RFC 3501 §6.4.2).

pymap refuses it as it does EXPUNGE, and leaves the folder selected.  So a session removes nothing from such a folder
and raises nothing; that EXPUNGE is refused is said here.
"""

from __future__ import annotations

from pymap.exceptions import MailboxReadOnly
from pymap.imap.state import ConnectionState
from pymap.parsing.command.select import ExpungeCommand
from pymap.parsing.response import CommandResponse
from pymap.selected import SelectedMailbox


class ClosingState(ConnectionState):
    """Refuses to remove what may not be changed."""

    async def do_expunge(self, cmd: ExpungeCommand) -> tuple[CommandResponse, SelectedMailbox | None]:
        """Raises MailboxReadOnly."""
        if self.selected.readonly:
            raise MailboxReadOnly
        return await super().do_expunge(cmd)
