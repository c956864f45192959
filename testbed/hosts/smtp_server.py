"""The SMTP server every mail host speaks through: aiosmtpd, with dialogue faults and bounded memory.

The host's own decisions live in a handler (:mod:`testbed.hosts.mail_handler`); this file knows no mailboxes and no
queues.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import SMTP

from testbed.hosts.mail_handler import MailHandler
from testbed.hosts.message_data import MAX_MESSAGE_OCTETS, read_message
from testbed.hosts.site import Site
from testbed.protocols.smtp import path_of
from testbed.scenario.faults import DialogueFault

logging.getLogger("mail.log").setLevel(logging.CRITICAL)

SERVER_TIMEOUT_S = 300.0  # RFC 5321 §4.5.3.2.7, in scenario time

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SmtpServer(SMTP):
    """One connection's server side."""

    def __init__(self, handler: MailHandler, site: Site) -> None:
        super().__init__(
            handler,
            hostname=site.name,
            ident="ESMTP",
            timeout=SERVER_TIMEOUT_S,
            data_size_limit=MAX_MESSAGE_OCTETS,
            loop=asyncio.get_running_loop(),
            auth_require_tls=True,
        )
        self._script = site.dialogue
        self._number = site.dialogue.connected()
        self._refused_at_connect = False
        self._lines: list[str] = []
        self._last_data = 0.0
        self._smtp_methods = {verb: self._staged(verb, method) for verb, method in self._smtp_methods.items()}

    async def _handle_client(self) -> None:
        fault = self._script.take("connect", connection=self._number)
        if fault is not None:
            await self._stage(fault)
            if not fault.reply or fault.then or fault.reply.startswith("421"):
                self._hang_up()
                return
            # RFC 5321 §3.1: after a 554 greeting the server waits for QUIT and answers 503 to all else.
            self._refused_at_connect = True
        await super()._handle_client()

    async def push(self, status: str | bytes) -> None:
        """Send one reply, all its lines at once; the greeting is left out where a fault has given another."""
        line = status.decode("ascii", "replace") if isinstance(status, bytes) else status
        line = _CONTROL.sub("?", line)  # a reply that quotes the command must not carry its CR
        if self._refused_at_connect and line.startswith("220 "):
            return
        if line[3:4] == "-":
            self._lines.append(line)
            return
        reply, self._lines = [*self._lines, line], []
        await super().push("\r\n".join(reply))

    def _staged(
        self, verb: str, method: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        async def command(arg: str | None) -> None:
            if self._refused_at_connect and verb != "QUIT":
                await self.push("503 5.5.1 Bad sequence of commands")
                return
            fault = self._script.take(verb, path_of(arg or "") if verb == "RCPT" else "", self._number)
            if fault is None:
                await method(arg)
            else:
                await self._stage(fault)

        return command

    async def _stage(self, fault: DialogueFault) -> None:
        if fault.reply:
            await self.push(fault.reply)
        if fault.then == "stall":
            await self._fall_silent()
        elif fault.then == "reset":
            self._reset_connection()
        elif fault.then == "close" or (fault.reply or "").startswith("421"):
            self._hang_up()

    async def _fall_silent(self) -> None:
        """Say nothing any more; the task ends with the connection."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        await asyncio.get_running_loop().create_future()

    def _hang_up(self) -> None:
        if self.transport is not None:
            self._writer.close()
            self.transport = None  # ends the command loop

    def _reset_connection(self) -> None:
        """Close with RST instead of FIN: a zero linger time makes the kernel do so."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        self.transport = None

    def _timeout_cb(self) -> None:
        self._writer.write(f"421 4.4.2 {self.hostname} closing: idle for too long\r\n".encode())
        self._hang_up()

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """DATA (RFC 5321 §4.1.1.4), with the ``message`` stage after the final dot.

        Replaces aiosmtpd's because that one keeps every fragment of an endless line in memory.
        """
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content, refusal = await read_message(self._reader, self._keep_alive)
        fault = self._script.take("message", connection=self._number)
        if fault is not None and fault.reply:
            status = fault.reply
        elif refusal:
            status = refusal
        else:
            self.envelope.content = self.envelope.original_content = content
            status = await self._call_handler_hook("DATA")
        self.envelope = self._create_envelope()
        if fault is None:
            await self.push(status)
        else:
            await self._stage(fault)

    async def handle_exception(self, error: Exception) -> str:
        """A mistake of ours: the client is told to come back, and the lab hears of it."""
        asyncio.get_running_loop().call_exception_handler({"message": "an SMTP session crashed", "exception": error})
        return "451 4.3.0 Internal error"

    def _keep_alive(self) -> None:
        """Restart the idle timer, at most once a second so that a long message costs nothing."""
        now = self.loop.time()
        if now - self._last_data >= 1.0:
            self._last_data = now
            self._reset_timeout()
