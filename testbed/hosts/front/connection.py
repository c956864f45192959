"""One client's connection to a program, through what stands in front of it.

Octets pass as they come, in both directions, until a fault strikes at a command: then that command is held back, the
fault is staged as the lab's own servers stage it, and the program is asked, or not, as the fault has it.  TLS ends here
and begins anew behind, where the program's certificate is one that the lab's clients trust: else it passes unread, and
nothing strikes behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from testbed.hosts.connections import send_fin
from testbed.hosts.deeds import ServerEndpoint, read_on
from testbed.hosts.front.message import MessageAhead
from testbed.hosts.front.program_side import Dial, ProgramGone, ProgramSide
from testbed.hosts.site import Site
from testbed.hosts.smtp import staging
from testbed.hosts.smtp.faulty_end import take_one_octet
from testbed.hosts.smtp.secure_server import HANDSHAKE_TIMEOUT_S, log_failed_handshake, tls_reason
from testbed.hosts.streams import begin_tls
from testbed.hosts.tls import TlsScript
from testbed.protocols import events
from testbed.protocols.esmtp import without_extension
from testbed.protocols.smtp import BEGINS_TLS, HELLOS, path_of
from testbed.protocols.smtp_dialogue import Reply, SmtpDialogue
from testbed.protocols.smtp_octets import Command, Content, End, Part, Response

_CHUNK = 65_536
_NO_AUTHORITY = "no host of the lab has a certificate ('starttls: true')"


class _Over(Exception):
    """A fault has ended the connection."""


class FrontConnection(ServerEndpoint):
    """The server's end of a client's connection, behind which a program serves.

    ``implicit`` tells that TLS comes before the greeting.
    """

    def __init__(
        self, site: Site, dial: Dial, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, implicit: bool
    ) -> None:
        super().__init__(site, reader, writer)
        self.manner = staging.Manner()
        self.mute = False
        self._implicit = implicit
        self._script = site.dialogue
        self._tls_script = site.tls.script(site.name) if site.tls is not None else TlsScript()
        self._number = site.dialogue.connected()
        self._dialogue = SmtpDialogue()
        self._program = ProgramSide(dial, self._dialogue, self)
        self._message = MessageAhead(self, self._script, self._number, self._dialogue, self._program)
        self._stripped: bool | None = None  # not known before the first EHLO
        self._unread = "" if site.tls is not None else _NO_AUTHORITY  # why TLS does not end here, to begin anew behind
        self._encrypted = False
        self._refused_at_connect = False

    async def serve(self) -> None:
        """Everything from the greeting to the end."""
        try:
            await self._greet()
            while (part := await self._next()) is not None:
                await self._meet(part)
            await self._see_out()
        except ProgramGone:
            await self._see_out()
        except _Over:
            pass
        except OSError:
            self.reset()
            self._program.reset()
        finally:
            self._program.let_go()
            self._writer.close()

    async def _see_out(self) -> None:
        """The client has said all it will, or the program has ended the connection."""
        if not self._program.has_ended:
            await self._program.see_out()
        elif not self._writer.is_closing() and await self._reader.read(_CHUNK):
            self.reset()  # as the kernel of a program that has closed would

    # -- what deeds ask ------------------------------------------------------------------------------

    async def write(self, octets: bytes) -> None:
        """Write what need not be a reply."""
        self._writer.write(octets)
        await self._writer.drain()

    def wait_again(self) -> None:
        """The program has the timer."""

    def stop_reading(self) -> None:
        """Leave what comes to the kernel, whose buffer fills."""
        if isinstance(self._writer.transport, asyncio.ReadTransport):
            self._writer.transport.pause_reading()

    def sip(self) -> bool:
        """Take one octet out of the kernel's buffer; False when there will be no more."""
        return take_one_octet(self._writer)

    def finish(self) -> None:
        """Send FIN, and read on."""
        send_fin(self._writer)

    # -- what the program says -----------------------------------------------------------------------

    def write_at_once(self, octets: bytes) -> None:
        """Write, without waiting until there is room for more."""
        if octets and not self._writer.is_closing():
            self._writer.write(octets)

    def program_has_ended(self, *, by_reset: bool) -> None:
        """The program has ended its connection, and so does the client's."""
        if by_reset:
            self.reset()
        elif not self._writer.is_closing():
            with contextlib.suppress(OSError):  # the client may have reset it in this moment
                end = self._writer.write_eof if self._writer.can_write_eof() else self._writer.close
                end()

    async def tell(self, reply: bytes) -> None:
        """Say a reply of the program's, in the manner there is, unless the server is mute."""
        if not self.mute:
            await staging.say(self, reply)

    # -- the greeting --------------------------------------------------------------------------------

    async def _greet(self) -> None:
        if self._implicit:
            await self._begin_with_tls()
        fault = self._script.take("connect", connection=self._number)
        if fault is None:
            await self._program.be_there()
            return
        with self._program.hand():
            self._refused_at_connect = not await staging.stage_greeting(self, fault, self._greet_as_ever)

    async def _greet_as_ever(self) -> None:
        await self._program.be_there()
        [greeting] = await self._program.collect(1)
        await self.tell(greeting.octets)

    async def _decline(self, part: Part) -> None:
        """After a greeting that refuses (RFC 5321 §3.1)."""
        if isinstance(part, Command) and part.verb == "QUIT":
            await self.write(b"221 2.0.0 Bye\r\n")
            self.hang_up()
        else:
            await self.write(b"503 5.5.1 Bad sequence of commands\r\n")

    # -- commands ------------------------------------------------------------------------------------

    async def _next(self) -> Part | None:
        while not self._writer.is_closing():
            if (part := self._dialogue.take()) is not None:
                return part
            await self._program.flush()
            if self._dialogue.undecided:
                await self._program.more_heard()
            elif self._dialogue.begins_tls:
                await self._begin_tls()
            elif not (octets := await self._reader.read(_CHUNK)):
                return None
            else:
                self._dialogue.feed(octets)
        return None

    async def _meet(self, part: Part) -> None:
        if self._refused_at_connect:
            await self._decline(part)
            return
        match part:
            case Command():
                await self._meet_command(part)
            case Content() | End():
                if not await self._message.goes_on(part):
                    raise _Over
            case _:
                await self._program.give(part)

    async def _meet_command(self, command: Command) -> None:
        verb, fault = command.verb, None
        if self._script.concerns(verb):
            await self._program.catch_up()
            recipient = path_of(command.argument) if verb == "RCPT" else ""
            sender = self._dialogue.sender_or(path_of(command.argument))
            fault = self._script.find(verb, recipient, self._number, sender)
        if fault is not None:
            self._script.tell(fault)
            with self._program.hand():
                if verb == "DATA" and fault.code == "354" and not fault.then:
                    await self._message.invite(command)
                await staging.stage(self, fault, partial(self._act, command))
                if not staging.speaks_on(fault):
                    self._program.let_go()  # what it has said meanwhile nobody is to hear
                    raise _Over
        elif self._reads_reply(verb):
            await self._program.catch_up()
            with self._program.hand():
                await self._act(command)
        else:
            await self._program.give(command)
            if verb in BEGINS_TLS:
                self._program.give_ahead(self._dialogue.rest)

    def _reads_reply(self, verb: str) -> bool:
        """Whether the reply is more than passed on."""
        if verb in HELLOS and self._stripped is None and not self._encrypted:
            self._stripped = self._tls_script.stripped(self._number)
        return (verb in HELLOS and bool(self._stripped)) or (verb in BEGINS_TLS and self._site.tls is not None)

    async def _act(self, command: Command) -> None:
        [reply] = await self._program.ask(command)
        while reply.stage == "AUTH" and reply.code == "334":
            await self.write(reply.octets)
            response = await self._next()
            if not isinstance(response, Response):
                raise ConnectionAbortedError("the client does not answer")
            [reply] = await self._program.ask(response)
        if self._dialogue.begins_tls and self._site.tls is not None:
            reply = await self._secure_behind(command, reply)
        stripped = self._stripped and not self._encrypted and command.verb in HELLOS
        await self.tell(without_extension(reply.octets, "STARTTLS") if stripped else reply.octets)

    # -- TLS -----------------------------------------------------------------------------------------

    async def _secure_behind(self, command: Command, reply: Reply) -> Reply:
        """Begin TLS with the program.  Where its certificate is not good, connect again for the client to see that."""
        assert self._site.tls is not None
        context = self._site.tls.authority.client(checks=True, traced=False)
        said = [*self._dialogue.session, command]
        self._program.give_ahead(self._dialogue.rest)
        await self._program.flush()
        try:
            await self._program.begin_tls(context, self._site.name, said)
        except OSError as error:
            self._unread = tls_reason(error)
            self._program.let_go()
            [reply] = await self._program.ask(command)
        else:
            self._unread = ""
        return reply

    async def _begin_with_tls(self) -> None:
        """The same where TLS comes before the greeting."""
        await self._program.be_there()
        if self._site.tls is not None:
            try:
                context = self._site.tls.authority.client(checks=True, traced=False)
                await self._program.begin_tls(context, self._site.name)
            except OSError as error:
                self._unread = tls_reason(error)
                self._program.let_go()
                await self._program.be_there()
            else:
                self._unread = ""
        await self._begin_tls()

    async def _begin_tls(self) -> None:
        """TLS begins with the client, here or behind."""
        if self._unread:
            peer = str(self._writer.get_extra_info("peername")[0])
            what = f"TLS of {peer} passes unread, and no fault strikes behind it: {self._unread}"
            self._site.log(events.TlsUnread(peer=peer, reason=self._unread), what)
            await self._program.pass_blindly(self._dialogue.rest, self._reader.read)
            await self._see_out()
            raise _Over
        assert self._site.tls is not None
        flaw = self._tls_script.flaw(self._number)
        if flaw == "stalled":
            await read_on(self)
            raise _Over
        self._dialogue.begin_anew()
        try:
            self._reader, self._writer = await begin_tls(
                self._writer, self._site.tls.server(self._site.name, flaw), timeout_s=HANDSHAKE_TIMEOUT_S
            )
        except OSError as error:
            log_failed_handshake(self._site, str(self._writer.get_extra_info("peername")[0]), error)
            raise _Over from error
        self._encrypted = True
