"""The front's own connection to the program it stands for, one for a client at a time.

What the program says goes on to the client as it comes, unless it is in our hand: then it is kept for whoever asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from testbed.hosts.smtp.secure_server import HANDSHAKE_TIMEOUT_S
from testbed.hosts.streams import begin_tls
from testbed.protocols.smtp_dialogue import Reply, SmtpDialogue
from testbed.protocols.smtp_octets import Command, Part, Response
from testbed.reset import reset
from testbed.tasks import HeldTasks

_CHUNK = 65_536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Streams]]
"""Opens a connection to the program in the client's name.  Raises OSError."""


class ProgramGone(ConnectionError):
    """The program has closed a connection on which it still owed a reply."""


class Client(Protocol):
    """Who hears what the program says."""

    async def write(self, octets: bytes) -> None:
        """Hand octets on."""

    def write_at_once(self, octets: bytes) -> None:
        """The same, without waiting until there is room for more."""

    def program_has_ended(self, *, by_reset: bool) -> None:
        """The program has closed its connection, or reset it."""


class ProgramSide:
    """The connection to the program, where there is one; ``dialogue`` is that of the client with the program."""

    def __init__(self, dial: Dial, dialogue: SmtpDialogue, client: Client) -> None:
        self._dial = dial
        self._dialogue = dialogue
        self._client = client
        self._secured: tuple[ssl.SSLContext, str] | None = None
        self._before_tls: list[Command | Response] = []  # what was said until TLS began
        self._streams: Streams | None = None
        self._over = self._was_reset = self._is_blind = False
        self._waiting = bytearray()
        self._given_ahead = 0  # octets of what is still to be understood
        self._in_our_hand = False
        self._replies: list[Reply] = []  # in our hand
        self._news = asyncio.Event()
        self._tasks = HeldTasks()
        self._hearing: asyncio.Task[None] | None = None

    # -- the connection ------------------------------------------------------------------------------

    async def be_there(self) -> None:
        """Connect, where there is no connection; the program is going to greet.  Raises OSError."""
        if self._streams is None:
            await self._connect()

    async def _connect(self) -> None:
        self._streams = await self._dial()
        self._over = self._was_reset = False
        self._dialogue.connected()
        self._listen()

    async def _reach(self) -> None:
        """Connect again, and tell the program what it has to know; what it says to that is not for the client."""
        with self.hand():
            session, secured, before_tls = list(self._dialogue.session), self._secured, self._before_tls
            await self._connect()
            if secured is not None and not before_tls:
                await self.begin_tls(*secured)
            await self.collect(1)
            if secured is not None and before_tls:
                for line in before_tls:
                    await self.ask(line)
                await self.begin_tls(*secured, before_tls)
                self._dialogue.begin_anew()
            for line in session:
                await self.ask(line)

    def let_go(self) -> None:
        """Leave the program alone, whatever it is about: it takes no message whose end it was not given."""
        self._waiting.clear()
        self._given_ahead = 0
        self._dialogue.disconnected()
        if self._streams is not None:
            self._stop_listening()
            self._streams[1].close()
            self._streams = None

    def reset(self) -> None:
        """The same, with RST."""
        streams = self._streams
        self.let_go()
        if streams is not None:
            reset(streams[1].transport)

    async def see_out(self) -> None:
        """The client will say no more: return when the program has ended the connection, too."""
        if self._streams is None:
            return
        writer = self._streams[1]
        with contextlib.suppress(OSError):
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()
        with contextlib.suppress(ProgramGone):
            while True:
                await self.more_heard()

    # -- what is said to it --------------------------------------------------------------------------

    async def give(self, part: Part) -> None:
        """Pass a part on, with what comes behind it at once.  Raises OSError."""
        if self._streams is None:
            await self._reach()
        early = self._dialogue.passed(part)
        self._replies += early if self._in_our_hand else []
        await self._give_octets(part.octets)

    def give_ahead(self, octets: bytes) -> None:
        """Pass on what is not understood yet: what a client says at once behind STARTTLS, a program may take up."""
        self._waiting += octets[self._given_ahead :]
        self._given_ahead = max(self._given_ahead, len(octets))

    async def _give_octets(self, octets: bytes) -> None:
        known = min(self._given_ahead, len(octets))
        self._given_ahead -= known
        self._waiting += octets[known:]
        if len(self._waiting) > _CHUNK:
            await self.flush()

    async def flush(self) -> None:
        """Let everything go that was given.  Raises OSError, as the kernel of a program that has closed would say."""
        octets = bytes(self._waiting)
        self._waiting.clear()
        if octets and self._streams is not None:
            if self._over:
                raise ConnectionResetError
            self._streams[1].write(octets)
            await self._streams[1].drain()

    async def ask(self, part: Part, replies: int = 1) -> list[Reply]:
        """Pass a part on, and wait for the replies to it, which are in our hand."""
        await self.give(part)
        await self.flush()
        return await self.collect(replies)

    # -- what it says --------------------------------------------------------------------------------

    @property
    def has_ended(self) -> bool:
        """Whether the program has ended the connection."""
        return self._streams is not None and self._over

    async def more_heard(self) -> None:
        """Return when the program has said more.  Raises ProgramGone."""
        if self._streams is None or self._over:
            raise ProgramGone
        self._news.clear()
        await self._news.wait()

    async def catch_up(self) -> None:
        """Return when all that has been asked is answered."""
        await self.flush()
        while self._dialogue.awaits_reply:
            await self.more_heard()

    async def collect(self, number: int) -> list[Reply]:
        """So many replies, which are in our hand."""
        while len(self._replies) < number:
            await self.more_heard()
        found, self._replies = self._replies[:number], self._replies[number:]
        return found

    @contextlib.contextmanager
    def hand(self) -> Iterator[None]:
        """While this is entered, the client hears nothing from the program but what it is told."""
        if self._in_our_hand:
            yield
            return
        self._in_our_hand = True
        try:
            yield
        finally:
            self._in_our_hand = False
            left, self._replies = b"".join(reply.octets for reply in self._replies), []
            if self._streams is not None:
                self._client.write_at_once(left + self._dialogue.unheard())
                if self._over:
                    self._client.program_has_ended(by_reset=self._was_reset)

    async def pass_blindly(self, octets: bytes, read: Callable[[int], Awaitable[bytes]]) -> None:
        """Hand on what comes from both, whatever it is, to the client's end: from it there are these octets already."""
        self._is_blind = True
        await self._give_octets(octets)
        await self.flush()
        while octets := await read(_CHUNK):
            await self._give_octets(octets)
            await self.flush()

    async def begin_tls(self, context: ssl.SSLContext, name: str, said: Sequence[Command | Response] = ()) -> None:
        """Do the handshake with the program, as its client, where so much was ``said`` before.  Raises OSError."""
        assert self._streams is not None
        self._stop_listening()
        self._streams = await begin_tls(self._streams[1], context, timeout_s=HANDSHAKE_TIMEOUT_S, server_hostname=name)
        self._given_ahead = 0
        self._secured, self._before_tls = (context, name), list(said)
        self._listen()

    def _listen(self) -> None:
        assert self._streams is not None
        self._hearing = self._tasks.start(self._hear(self._streams[0]))

    def _stop_listening(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        try:
            while octets := await reader.read(_CHUNK):
                replies = [] if self._is_blind else self._dialogue.heard(octets)
                self._news.set()
                if self._in_our_hand:
                    self._replies += replies
                else:
                    await self._client.write(octets)
        except OSError:
            self._was_reset = True
        self._over = True
        self._news.set()
        if not self._in_our_hand:
            self._client.program_has_ended(by_reset=self._was_reset)
