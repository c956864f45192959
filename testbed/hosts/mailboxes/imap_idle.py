"""IDLE where no folder is selected, which may be said as soon as somebody has logged in (RFC 2177 §4).

pymap takes it only where one is.  There is nothing to tell of then, so it lasts until DONE.
Its properties ``session`` and ``selected`` raise AttributeError where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable

from pymap.concurrent import Event
from pymap.imap.state import ConnectionState
from pymap.parsing.command import Command
from pymap.parsing.command.select import IdleCommand
from pymap.parsing.response import CommandResponse, UntaggedResponse


class IdlingState(ConnectionState):
    """Lets whoever has logged in wait."""

    async def do_command(self, cmd: Command) -> CommandResponse:
        """As pymap's, and IDLE."""
        if isinstance(cmd, IdleCommand) and hasattr(self, "session") and not hasattr(self, "selected"):
            response, _ = await self.do_idle(cmd)
            return response
        return await super().do_command(cmd)

    async def receive_updates(self, cmd: IdleCommand, done: Event) -> Iterable[UntaggedResponse]:
        """What is new in the selected folder."""
        if hasattr(self, "selected"):
            return await super().receive_updates(cmd, done)
        await done.wait()
        return ()
