"""What an IMAP server does with a command, or what a fault says and does in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy

from pymap.config import IMAPConfig
from pymap.exceptions import ResponseError
from pymap.imap import IMAPConnection
from pymap.interfaces.login import LoginInterface
from pymap.parsing.command import Command
from pymap.parsing.command.nonauth import AuthenticateCommand, LoginCommand
from pymap.parsing.response import (
    CommandResponse,
    Response,
    ResponseBad,
    ResponseBye,
    ResponseCode,
    ResponseNo,
    ResponseOk,
)
from pysasl.creds.server import ServerCredentials
from pysasl.exception import AuthenticationError

from testbed.durations import SECOND
from testbed.hosts.deeds import ServerEndpoint
from testbed.hosts.mailboxes.imap_quota import QuotaState
from testbed.hosts.mailboxes.rehearsal import rehearsal
from testbed.hosts.site import Site
from testbed.scenario.faults import DialogueFault

_RESPONSES: dict[str, type[CommandResponse]] = {"OK": ResponseOk, "NO": ResponseNo, "BAD": ResponseBad}
_CHANGE_SESSIONS = frozenset(("STARTTLS", "CLOSE", "IDLE"))  # and say no more than that they did


class StagedState(QuotaState):
    """The state of one connection, counted from 1."""

    def __init__(
        self, site: Site, accounts: LoginInterface, config: IMAPConfig, connection: IMAPConnection, number: int
    ) -> None:
        super().__init__(accounts, config)
        self._site = site
        self._connection = connection
        self._number = number

    async def do_greeting(self) -> CommandResponse:
        try:
            await self._stage("connect", b"*", lambda state: super().do_greeting())
        except _Staged as staged:
            greeting = staged.get_response(b"*")
            if isinstance(greeting, ResponseOk):  # pymap makes BYE of all it is told here
                return greeting
            raise
        return await super().do_greeting()

    async def do_command(self, cmd: Command) -> CommandResponse:
        verb = cmd.command.decode().removeprefix("UID ")
        await self._stage(verb, cmd.tag, lambda state: super().do_command(cmd))
        try:
            return await super().do_command(cmd)
        except (ResponseError, AuthenticationError, OSError, EOFError):
            raise
        except Exception:  # of a library fed by strangers, whom nobody else shall suffer for
            return ResponseNo(cmd.tag, b"This server cannot do that.", ResponseCode.of(b"SERVERBUG"))

    async def do_authenticate(
        self, cmd: AuthenticateCommand | LoginCommand, creds: ServerCredentials | None
    ) -> CommandResponse:
        if isinstance(cmd, AuthenticateCommand):  # LOGIN has come through do_command
            await self._stage("AUTHENTICATE", cmd.tag, lambda state: super().do_authenticate(cmd, creds))
        return await super().do_authenticate(cmd, creds)

    async def _stage(self, verb: str, tag: bytes, act: Callable[[StagedState], Awaitable[CommandResponse]]) -> None:
        """Raise what replaces a command, where a fault does: a response, or a ConnectionError."""
        fault = self._site.dialogue.find(f"IMAP {verb}", connection=self._number)
        if fault is None:
            return
        rehearses = fault.answers and fault.then is None and fault.delay is None and verb not in _CHANGE_SESSIONS
        self._site.dialogue.tell(fault, await self._usual_reply(tag, act) if rehearses else "")
        await asyncio.sleep((fault.delay or 0) / SECOND)
        if fault.then is None and fault.answers:
            raise _Staged(fault)
        if fault.then is None:
            return
        if fault.reply:
            await self._connection.write_response(_Staged(fault).get_response(tag))
        if fault.moment == "act" and verb != "connect":
            await act(self)
        await ServerEndpoint(self._site, self._connection.reader, self._connection.writer).end(fault)

    async def _usual_reply(self, tag: bytes, act: Callable[[StagedState], Awaitable[CommandResponse]]) -> str:
        """The reply without the fault, its tag left out, where giving it is all there is to do; ``""`` elsewhere."""
        reply: Response
        with rehearsal():
            try:
                reply = await act(copy(self))
            except ResponseError as refusal:
                reply = refusal.get_response(tag)
            except AuthenticationError as refusal:
                reply = ResponseBad(tag, str(refusal).encode("utf-8", "surrogateescape"))
            except Exception:  # something would be done, or go wrong
                return ""
            finally:
                with suppress(AttributeError):  # no mailbox is selected
                    self.selected.hide_expunged = False
        return bytes(reply).decode("latin-1").removeprefix(f"{tag.decode('latin-1')} ").removesuffix("\r\n")


class _Staged(ResponseError):
    """A fault's reply in place of the server's own."""

    def __init__(self, fault: DialogueFault) -> None:
        super().__init__(fault.describe())
        self._condition, _, self._text = (fault.reply or "").partition(" ")

    def get_response(self, tag: bytes) -> Response:
        text = self._text.encode()
        kind = _RESPONSES.get(self._condition)
        return ResponseBye(text) if kind is None else kind(tag, text)
