"""CLOSE of a folder that is only looked at: nothing is removed, and no error is given (RFC 3501 §6.4.2).

pymap refuses it, and leaves the folder selected.
"""

from __future__ import annotations

from pymap.imap.state import ConnectionState
from pymap.parsing.command.select import CloseCommand
from pymap.parsing.response import CommandResponse, ResponseOk
from pymap.selected import SelectedMailbox


class ClosingState(ConnectionState):
    """Closes what EXAMINE has opened, too."""

    async def do_close(self, cmd: CloseCommand) -> tuple[CommandResponse, SelectedMailbox | None]:
        """Expunge only what may be changed; then no folder is selected."""
        if not self.selected.readonly:
            return await super().do_close(cmd)
        self._selected = None
        return ResponseOk(cmd.tag, cmd.command + b" completed."), None
