"""The SMTP server every mail host speaks through: aiosmtpd, with dialogue faults and bounded memory.

The host's own decisions live in a handler (:mod:`testbed.hosts.smtp.handler`); this file knows no mailboxes and no
queues.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Collection

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.site import Site
from testbed.hosts.smtp import staging
from testbed.hosts.smtp.chunks import Chunks
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.enhanced import with_enhanced_code
from testbed.hosts.smtp.faulty_end import FaultyEnd
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.idle import IdleTimer
from testbed.hosts.smtp.message_data import TOO_BIG, read_message
from testbed.hosts.smtp.rehearsal import usual_reply
from testbed.hosts.streams import OpenStreams
from testbed.protocols.esmtp import BadParameter
from testbed.protocols.smtp import HELLOS, path_of
from testbed.scenario.faults.dialogue import NULL_SENDER

logging.getLogger("mail.log").setLevel(logging.CRITICAL)

SERVER_TIMEOUT_S = 300.0  # RFC 5321 §4.5.3.2.7, in scenario time
_NEVER_S = 1e9  # aiosmtpd's own timer, which none but itself can stop

Login = Callable[[SMTP, Session, Envelope, str, object], AuthResult]
"""Whether a name and a password are right; the last argument is aiosmtpd's ``LoginPassword``."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SmtpServer(FaultyEnd):
    """One connection's server side."""

    ident = "ESMTP"
    """What the greeting says it speaks."""

    def __init__(
        self,
        handler: MailHandler,
        site: Site,
        terms: Terms,
        login: Login | None = None,
        without_mechanisms: Collection[str] = (),
    ) -> None:
        """``login`` checks a name and a password; whoever gives it says himself when TLS must come before."""
        for name in [name for name in dir(self) if name.startswith("smtp_")]:  # where aiosmtpd looks for commands
            setattr(self, name, self._staged(name.removeprefix("smtp_"), getattr(self, name)))
        super().__init__(
            handler,
            hostname=site.name,
            ident=self.ident,
            timeout=_NEVER_S,
            loop=asyncio.get_running_loop(),
            auth_require_tls=login is None,
            authenticator=login,
            auth_exclude_mechanism=without_mechanisms,
            data_size_limit=terms.max_message,
            enable_SMTPUTF8="SMTPUTF8" in terms.offered,
        )
        self.terms = terms
        self._site = site
        self._script = site.dialogue
        self._number = site.dialogue.connected()
        self._refused_at_connect = False
        self.invited = False  # DATA is answered 354, and the message is to come
        self._passed = 0  # octets of it that have come
        self._answered_early = False  # in mid-message
        self._chunks = Chunks(terms.max_message)
        self.manner = staging.Manner()  # of the next reply
        self.mute = False  # replies are not said
        self.unsaid = ""  # the last of those
        self._lines: list[str] = []
        self._verb = ""  # of the command that is carried out
        self._idle = IdleTimer(self.loop, SERVER_TIMEOUT_S, self._idle_for_too_long)
        self._worker: asyncio.Task[object] | None = None  # what answers the client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        self._idle.restart()
        self._site.connections.add(transport, self._stop_working)

    def eof_received(self) -> bool | None:
        """The client says no more, and may still listen; aiosmtpd would leave off answering."""
        return OpenStreams.eof_received(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self._idle.stop()
        super().connection_lost(error)

    def _stop_working(self) -> None:
        if self._worker is not None:
            self._worker.cancel()

    async def push(self, status: str | bytes) -> None:
        """Send one of our replies, with an enhanced code where that is offered.  The first is the greeting."""
        if self._worker is None:
            self._worker = asyncio.current_task()
            await self.greet(status)
        elif "ENHANCEDSTATUSCODES" in self.terms.offered and self._verb not in HELLOS:
            await self._say(
                with_enhanced_code(status if isinstance(status, str) else status.decode("ascii", "replace"))
            )
        else:
            await self._say(status)

    async def greet(self, greeting: str | bytes) -> None:
        """Say the greeting, or what a fault puts in its place."""
        fault = self._script.take("connect", connection=self._number, usual=_text(greeting))
        if fault is None:
            await self._say(greeting)
            return
        # RFC 5321 §3.1: after a 554 greeting the server waits for QUIT and answers 503 to all else.
        self._refused_at_connect = not await staging.stage_greeting(self, fault, lambda: self._say(greeting))

    async def _say(self, status: str | bytes) -> None:
        """Send one reply as it is, all its lines at once."""
        line = _text(status)
        # A reply that quotes the command must not carry its CR, nor what is not ASCII.
        line = _CONTROL.sub("?", line).encode("ascii", "replace").decode()
        if line[3:4] == "-":
            self._lines.append(line)
            return
        reply, self._lines = "\r\n".join([*self._lines, line]), []
        if self.mute:
            self.unsaid = reply
            return
        await staging.say(self, f"{reply}\r\n".encode())
        if line.startswith("421"):
            self.hang_up()

    def _staged(
        self, verb: str, method: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        async def command(arg: str | None) -> None:
            self._idle.restart()
            self._verb = verb
            try:
                await self._carry_out(verb, arg, method)
            finally:
                self._verb = ""

        return command

    async def _carry_out(self, verb: str, arg: str | None, method: Callable[[str | None], Awaitable[None]]) -> None:
        if self._refused_at_connect and verb != "QUIT":
            await self.push("503 5.5.1 Bad sequence of commands")
            return
        self.invited = False
        fault = self._script.find(verb, path_of(arg or "") if verb == "RCPT" else "", self._number, self._sender(arg))
        if fault is None:
            await method(arg)
        else:
            self._script.tell(fault, await usual_reply(self, fault, verb, arg or "", lambda: method(arg)))
            await staging.stage(self, fault, lambda: method(arg))
            self.invited = self.invited or (verb == "DATA" and fault.code == "354" and not fault.then)
        if self.invited and self.transport is not None:
            await self._take_message()

    def _sender(self, arg: str | None = None) -> str:
        """Whose mail it is about: that of the transaction, or of the MAIL command with this argument."""
        if self.envelope is not None and self.envelope.mail_from is not None:
            return self.transaction().sender or NULL_SENDER
        return path_of(arg or "") or NULL_SENDER

    # -- the message --------------------------------------------------------------------------------

    def _idle_for_too_long(self) -> None:
        self.writer.write(f"421 4.4.2 {self.hostname} closing: idle for too long\r\n".encode())
        self.hang_up()

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """DATA (RFC 5321 §4.1.1.4)."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if self.transaction().begun:
            await self.push("503 5.5.1 The message has begun with BDAT")
            return
        self.invited = True
        await self.push("354 End data with <CR><LF>.<CR><LF>")

    async def smtp_BDAT(self, arg: str | None) -> None:  # noqa: N802
        """BDAT (RFC 3030 §2).  The octets behind it are read, whatever the answer."""
        try:
            octets, last = self.chunk(arg or "")
        except BadParameter as refusal:
            await self.push(str(refusal))
            return
        transaction = self.transaction()
        if not transaction.begun:
            self._chunks = Chunks(self.terms.max_message)
            self._passed, self._answered_early = 0, False
        await self._chunks.read(self.reader, octets, self._idle.keep_off, self._in_mid_message)
        if not transaction.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        transaction.begun = True
        if last:
            await self._end_message(*self._chunks.message())
        else:
            await self.push(self._chunks.refusal or f"250 2.0.0 {octets} octets received")

    async def _take_message(self) -> None:
        """What comes after 354, and the reply to its final dot.

        aiosmtpd reads it in its DATA, and keeps every fragment of an endless line in memory.
        """
        self.invited, self._passed = False, 0
        try:
            content, refusal = await read_message(self.reader, self._idle.keep_off, self._in_mid_message)
        except asyncio.IncompleteReadError:
            raise asyncio.CancelledError from None  # nothing more comes
        await self._end_message(content, refusal)

    async def _end_message(self, content: bytes, refusal: str) -> None:
        if not self._answered_early:
            await self._answer_message(lambda: self._conclude(content, refusal), refusal=refusal)
        self.envelope = EsmtpEnvelope()

    async def _answer_message(
        self, conclude: Callable[[], Awaitable[None]], recipient: str = "", refusal: str = ""
    ) -> bool:
        """Answer a message, for one recipient where LMTP does; whether the server goes on to speak after it.

        ``refusal`` is the reply, where it is known that the message is refused.
        """
        fault = self._script.find("message", recipient, self._number, self._sender())
        if fault is None:
            await conclude()
        else:
            self._script.tell(fault, refusal)
            await staging.stage(self, fault, conclude)
        return self.transport is not None and staging.speaks_on(fault)

    async def _conclude(self, content: bytes, refusal: str) -> None:
        transaction = self.transaction()
        status = refusal or self._refusal(content) or await self._judged(content) or self._store(content, transaction)
        self.envelope = EsmtpEnvelope()
        await self.push(status)

    def _refusal(self, content: bytes) -> str:
        """Why a whole message is not taken, as a reply, or ``""``.  One that is taken counts."""
        if len(content) > self.terms.max_message:
            return TOO_BIG
        if not self.transaction().rcpt_tos:
            return "554 5.5.1 No valid recipients"
        assert self.session is not None
        return str(self.event_handler.admits(self.session, content))

    async def _judged(self, content: bytes) -> str:
        """Why a message is not taken for who it is from, as a reply, or ``""``."""
        assert self.session is not None
        return str(await self.event_handler.judged(self.session, self.transaction(), content))

    def _store(self, content: bytes, envelope: EsmtpEnvelope) -> str:
        """Take responsibility for a message, and give the reply."""
        assert self.session is not None
        return str(self.event_handler.take(self.session, envelope, content))

    async def _in_mid_message(self, octets: int) -> None:
        passed, self._passed = self._passed, self._passed + octets
        inside = range(passed + 1, self._passed + 1)
        fault = self._script.take_inside(inside, self._number, self._sender())
        if fault is None or self._answered_early:
            return
        self._answered_early = await staging.stage_inside(self, fault)
        if not self._answered_early:
            raise asyncio.CancelledError  # nothing is left of the connection

    async def handle_exception(self, error: Exception) -> str:
        """A mistake of ours: the client is told to come back, and the lab hears of it."""
        asyncio.get_running_loop().call_exception_handler({"message": "an SMTP session crashed", "exception": error})
        return "451 4.3.0 Internal error"


def _text(status: str | bytes) -> str:
    return status.decode("ascii", "replace") if isinstance(status, bytes) else status
