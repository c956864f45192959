"""aiosmtplib's client with what it lacks: the times RFC 5321 gives to mail data, and faults of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiosmtplib
from aiosmtplib import SMTPDataError, SMTPResponse, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

from testbed.hosts.connections import unsent
from testbed.hosts.deeds import DEEDS
from testbed.hosts.sending.pipelining import Answer, Pipeline, mail_data
from testbed.hosts.site import Site
from testbed.protocols.smtp import path_of
from testbed.reset import reset
from testbed.scenario.faults import DialogueFault
from testbed.scenario.faults.dialogue import NULL_SENDER

# Seconds of scenario time (RFC 5321 §4.5.3.2.4 to §4.5.3.2.6).
INVITATION_S, BLOCK_S, FINAL_DOT_S = 120.0, 180.0, 600.0

_BLOCK = 65_536  # octets handed over at a time
# The kernel takes no more while it has so many octets to send: a server that stops reading is noticed at once.
_UNSENT = 4_096


Heard = Callable[[Answer], None]
"""Takes note of a reply to the message."""


class BlockedError(SMTPTimeoutError):
    """The server reads no mail data."""


class SmtpClient(aiosmtplib.SMTP):
    """One connection as its client."""

    def __init__(self, site: Site, **options: Any) -> None:
        super().__init__(**options)
        self._site = site
        self._number = site.conduct.connected()
        self._sender = ""
        self._writer: asyncio.StreamWriter | None = None  # kept, because losing it would close the connection
        self.in_message = False  # 354 was heard, and the message is not sent whole
        self.handed_over = False  # it is, after the last MAIL
        self.told_more = False  # something came behind the replies to it

    @property
    def misbehaves(self) -> bool:
        """Whether faults are staged at its commands, which are said one by one then."""
        return self._site.conduct.stages_anything

    async def begin_session(self, timeout: float) -> None:
        """EHLO, or HELO where EHLO is unknown (RFC 5321 §3.2)."""
        try:
            await self.ehlo(timeout=timeout)
        except SMTPResponseException as refusal:
            if refusal.code not in (500, 502, 504, 550):
                raise
            await self.helo(timeout=timeout)

    async def connect(self, **options: Any) -> SMTPResponse:
        """Connect and hear the greeting."""
        greeting = await super().connect(**options)
        if self.transport is not None:
            self._site.connections.add(self.transport)
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        await self._misbehave(self._site.conduct.take("connect", "", self._number))
        return greeting

    async def execute_command(self, *args: bytes, timeout: Any = None) -> SMTPResponse:
        """Send a command and hear the reply."""
        reply = await super().execute_command(*args, timeout=timeout)
        verb, argument = args[0].decode(), b" ".join(args[1:]).decode("ascii", "replace")
        if verb == "MAIL":
            self._sender = path_of(argument) or NULL_SENDER
        recipient = path_of(argument) if verb == "RCPT" else ""
        await self._misbehave(self._site.conduct.take(verb, recipient, self._number, self._sender))
        return reply

    async def transmit(self, content: bytes, heard: Heard, replies: int = 1) -> None:
        """DATA and the message.  Raises SMTPDataError for a refusal, SMTPTimeoutError past the times of the RFC.

        ``heard`` is called with each reply to the message as it comes; LMTP has one for each recipient.
        """
        invitation = await self.execute_command(b"DATA", timeout=INVITATION_S)
        if invitation.code != 354:
            raise SMTPDataError(invitation.code, invitation.message)
        await self.transmit_invited(content, heard, replies)

    async def transmit_invited(self, content: bytes, heard: Heard, replies: int = 1) -> None:
        """The message, after 354."""
        protocol, transport = self.protocol, self.transport
        if protocol is None or not isinstance(transport, asyncio.Transport):
            raise SMTPServerDisconnected("Connection lost")
        self.in_message = True
        data = mail_data(content)
        fault = self._site.conduct.take_inside(range(1, len(data)), self._number, self._sender)
        if self._writer is None or self._writer.transport is not transport:
            self._writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
        with Pipeline(self) as pipeline:
            answer = asyncio.ensure_future(pipeline.reply(None))  # it may come early
            try:
                whole = await _write(self._writer, transport, data[: fault.octet] if fault else data, answer)
                self.handed_over = whole and fault is None
                self.in_message = not self.handed_over
                if fault is None:
                    heard(await _reply_to_final_dot(transport, answer))
                    for _ in range(1, replies):
                        heard(await pipeline.reply(FINAL_DOT_S))
            finally:
                answer.cancel()
                self.told_more = not pipeline.silent
        if fault is not None:
            await self._misbehave(fault)
        with suppress(SMTPServerDisconnected):  # what it has heard, it has heard
            await self._misbehave(self._site.conduct.take("message", "", self._number, self._sender))

    async def _misbehave(self, fault: DialogueFault | None) -> None:
        """Do what a fault wants; the connection is lost then."""
        if fault is None:
            return
        if self.protocol is None or self.transport is None:
            raise SMTPServerDisconnected("Connection lost")
        await DEEDS[fault.then](self, fault)
        raise SMTPServerDisconnected("Connection lost")

    # -- what faults ask for --------------------------------------------------------------------------

    async def read(self, octets: int) -> bytes:
        """Throw away one reply; at the end it raises SMTPServerDisconnected."""
        if self.protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        return str(await self.protocol.read_response()).encode()

    def be_patient(self) -> None:
        """It waits for no command."""

    def hang_up(self) -> None:
        """Close with FIN."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close with RST."""
        if self.transport is not None:
            reset(self.transport)

    def crash(self, restart_ns: int | None) -> None:
        """The whole host crashes."""
        self._site.crash(restart_ns)


async def _write(
    writer: asyncio.StreamWriter, transport: asyncio.Transport, data: bytes, answer: asyncio.Future[Answer]
) -> bool:
    """Hand mail data to the kernel, as fast as it takes it; stop when the answer comes early.  Whether it took all."""
    transport.set_write_buffer_limits(0)
    for at in range(0, len(data), _BLOCK):
        if answer.done():
            return False
        transport.write(data[at : at + _BLOCK])
        if transport.get_write_buffer_size():
            taken = asyncio.ensure_future(writer.drain())
            done, _ = await asyncio.wait((taken, answer), timeout=BLOCK_S, return_when=asyncio.FIRST_COMPLETED)
            taken.cancel()
            if answer.done() and transport.get_write_buffer_size():
                transport.abort()  # nobody hears the rest
                return False
            if not done:
                reset(transport)  # a FIN would come behind all that is not sent yet
                raise BlockedError("Timed out sending mail data")
    transport.set_write_buffer_limits()
    return True


async def _reply_to_final_dot(transport: asyncio.Transport, answer: asyncio.Future[Answer]) -> Answer:
    try:
        return await asyncio.wait_for(answer, FINAL_DOT_S)
    except TimeoutError as error:
        if unsent(transport):
            reset(transport)
        raise aiosmtplib.SMTPReadTimeoutError("Timed out waiting for server response") from error
