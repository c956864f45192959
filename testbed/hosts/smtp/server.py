"""The SMTP server every mail host speaks through: aiosmtpd, with dialogue faults and bounded memory.

The host's own decisions live in a handler (:mod:`testbed.hosts.smtp.handler`); this file knows no mailboxes and no
queues.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import Awaitable, Callable

from testbed.hosts.connections import reset
from testbed.hosts.site import Site
from testbed.hosts.smtp import staging
from testbed.hosts.smtp.commands import EsmtpCommands, Terms
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.message_data import read_message
from testbed.protocols.smtp import path_of
from testbed.scenario.faults.dialogue import NULL_SENDER

logging.getLogger("mail.log").setLevel(logging.CRITICAL)

SERVER_TIMEOUT_S = 300.0  # RFC 5321 §4.5.3.2.7, in scenario time

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SmtpServer(EsmtpCommands):
    """One connection's server side."""

    def __init__(self, handler: MailHandler, site: Site, terms: Terms) -> None:
        super().__init__(
            handler,
            hostname=site.name,
            ident="ESMTP",
            timeout=SERVER_TIMEOUT_S,
            loop=asyncio.get_running_loop(),
            auth_require_tls=True,
            data_size_limit=terms.max_message,
            enable_SMTPUTF8="SMTPUTF8" in terms.offered,
        )
        self.offer(terms)
        self._site = site
        self._script = site.dialogue
        self._number = site.dialogue.connected()
        self._refused_at_connect = False
        self._invited = False  # DATA is answered 354, and the message is to come
        self._passed = 0  # octets of it that have come
        self.drip_s = 0.0  # the next reply is said an octet at a time, so many seconds apart; 0 for at once
        self.mute = False  # replies are not said
        self._lines: list[str] = []
        self._last_data = 0.0
        methods = {**self._smtp_methods, "DATA": self._invite}
        self._smtp_methods = {verb: self._staged(verb, method) for verb, method in methods.items()}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        if self._handler_coroutine is not None:
            self._site.connections.add(transport, self._handler_coroutine.cancel)

    async def _handle_client(self) -> None:
        fault = self._script.take("connect", connection=self._number)
        if fault is not None and not fault.reply and fault.then == "drip":
            self.drip_s = fault.pace / 1e9
        elif fault is not None:
            await staging.stage(self, fault, self._greet)
            refused = fault.reply if fault.then in (None, "drip") else fault.then == "garble"
            if not refused or (fault.reply or "").startswith("421"):
                self.hang_up()
                return
            # RFC 5321 §3.1: after a 554 greeting the server waits for QUIT and answers 503 to all else.
            self._refused_at_connect = True
        await super()._handle_client()

    async def _greet(self) -> None:
        await self.push(f"220 {self.hostname} {self.__ident__}")

    async def push(self, status: str | bytes) -> None:
        """Send one reply, all its lines at once; the greeting is left out where a fault has given another."""
        line = status.decode("ascii", "replace") if isinstance(status, bytes) else status
        # A reply that quotes the command must not carry its CR, nor what is not ASCII.
        line = _CONTROL.sub("?", line).encode("ascii", "replace").decode()
        if self._refused_at_connect and line.startswith("220 "):
            return
        if line[3:4] == "-":
            self._lines.append(line)
            return
        reply, self._lines = "\r\n".join([*self._lines, line]), []
        if self.mute:
            return
        if self.drip_s:
            pace_s, self.drip_s = self.drip_s, 0.0
            self.be_patient()  # RFC 5321 §4.5.3.2.7: its five minutes begin when it awaits the next command
            await staging.drip(self.write, f"{reply}\r\n".encode(), pace_s)
            self._reset_timeout()
        else:
            await super().push(reply)

    def _staged(
        self, verb: str, method: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        async def command(arg: str | None) -> None:
            if self._refused_at_connect and verb != "QUIT":
                await self.push("503 5.5.1 Bad sequence of commands")
                return
            self._invited = False
            fault = self._script.take(
                verb, path_of(arg or "") if verb == "RCPT" else "", self._number, self._sender(arg)
            )
            if fault is None:
                await method(arg)
            else:
                await staging.stage(self, fault, lambda: method(arg))
                said = fault.reply or ""
                self._invited = self._invited or (verb == "DATA" and said.startswith("354") and not fault.then)
            if self._invited and self.transport is not None:
                await self._take_message()

        return command

    def _sender(self, arg: str | None = None) -> str:
        """Whose mail it is about: that of the transaction, or of the MAIL command with this argument."""
        if self.envelope is not None and self.envelope.mail_from is not None:
            return self.transaction().sender or NULL_SENDER
        return path_of(arg or "") or NULL_SENDER

    # -- what faults ask for ------------------------------------------------------------------------

    async def read(self, octets: int) -> bytes:
        """Read and throw away up to so many octets, none at the end."""
        return await self._reader.read(octets)

    async def write(self, octets: bytes) -> None:
        """Write what need not be a reply."""
        self._writer.write(octets)
        await self._writer.drain()

    def be_patient(self) -> None:
        """Never close the connection for being idle."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def stop_reading(self) -> None:
        """Leave what comes to the kernel, whose buffer fills."""
        if isinstance(self.transport, asyncio.ReadTransport):
            self.transport.pause_reading()

    def sip(self) -> bool:
        """Take one octet out of the kernel's buffer; False when there will be no more."""
        sock = self._writer.get_extra_info("socket")
        try:
            return not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) and bool(os.read(sock.fileno(), 1))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def finish(self) -> None:
        """Send FIN, and read on."""
        self._writer.write_eof()

    def hang_up(self) -> None:
        """Close with FIN."""
        if self.transport is not None:
            self._writer.close()
            self.transport = None  # ends the command loop

    def reset(self) -> None:
        """Close with RST."""
        reset(self._writer.transport)
        self.transport = None

    def crash(self, restart_ns: int | None) -> None:
        """The whole host crashes."""
        self._site.crash(restart_ns)

    # -- the message --------------------------------------------------------------------------------

    def _timeout_cb(self) -> None:
        self._writer.write(f"421 4.4.2 {self.hostname} closing: idle for too long\r\n".encode())
        self.hang_up()

    async def _invite(self, arg: str | None) -> None:
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
        self._invited = True
        await self.push("354 End data with <CR><LF>.<CR><LF>")

    async def _take_message(self) -> None:
        """What comes after 354, and the reply to its final dot.

        aiosmtpd reads it in its DATA, and keeps every fragment of an endless line in memory.
        """
        self._invited, self._passed = False, 0
        content, refusal = await read_message(self._reader, self._keep_alive, self._in_mid_message)
        fault = self._script.take("message", connection=self._number, sender=self._sender())
        if fault is None:
            await self._conclude(content, refusal)
        else:
            await staging.stage(self, fault, lambda: self._conclude(content, refusal))
        self.envelope = self._create_envelope()

    async def _conclude(self, content: bytes, refusal: str) -> None:
        transaction = self.transaction()
        if refusal:
            status = refusal
        elif len(content) > self.terms.max_message:
            status = "552 5.3.4 Message too big"
        elif not transaction.rcpt_tos:
            status = "554 5.5.1 No valid recipients"
        else:
            transaction.content = transaction.original_content = content
            status = await self._call_handler_hook("DATA")
        self.envelope = self._create_envelope()
        await self.push(status)

    async def _in_mid_message(self, octets: int) -> None:
        passed, self._passed = self._passed, self._passed + octets
        inside = range(passed + 1, self._passed + 1)
        fault = self._script.take_inside(inside, self._number, self._sender())
        if fault is not None:
            await staging.DEEDS[fault.then](self, fault)
            raise asyncio.CancelledError  # nothing is left of the connection

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
