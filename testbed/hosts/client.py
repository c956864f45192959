"""A client that says what a scenario writes, octet by octet, and knows no manners of its own."""

from __future__ import annotations

import asyncio
import contextlib

from testbed.durations import SECOND
from testbed.errors import reason
from testbed.hosts.site import Site
from testbed.protocols import events
from testbed.protocols.smtp import parse_reply_line
from testbed.reset import reset
from testbed.scenario.talk import Ending, OctetsSaid, Silence, TalkStep

_CALM_S = 1.0  # scenario time in which everything said has arrived and been answered
_MAX_REPLY_LINE = 65_536


class Client:
    """A stranger: an address and a name, and nothing that runs by itself."""

    def __init__(self, site: Site) -> None:
        self.name = site.name

    async def start(self) -> None:
        """It listens to nobody."""

    async def settled(self) -> None:
        """Talking is awaited by the step that asks for it."""

    async def stop(self) -> None:
        """Nothing to close."""

    def inventory(self) -> None:
        """It keeps no mail."""


class _CutShort(Exception):
    """The talk ended before everything was said and answered."""


async def talk(site: Site, step: TalkStep, address: str) -> None:
    """Say what the step says to one address.

    How far it came is logged; whether that is well is for the verdicts to say.
    """
    done, why = 0, "everything was said and answered"
    try:
        connection = await _Connection.open(site, step, address)
        try:
            await connection.hear("the greeting")
            for saying in step.say:
                await connection.say(saying)
                done += 1
        finally:
            await connection.end()
    except (_CutShort, OSError) as error:
        why = str(error) if isinstance(error, _CutShort) else reason(error)
    site.log(
        events.Talked(line=step.line, to=step.to, said=done, unsaid=len(step.say) - done, status=why),
        f"{step.describe()}: {why}",
    )


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeout_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._timeout_s = timeout_s
        self._over = False
        writer.transport.set_write_buffer_limits(high=0)  # drain() returns when the kernel has everything

    @classmethod
    async def open(cls, site: Site, step: TalkStep, address: str) -> _Connection:
        source = site.source_for(address)
        timeout_s = step.timeout / SECOND
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(
                    address, step.port, local_addr=(source, 0) if source else None, limit=_MAX_REPLY_LINE
                )
        except TimeoutError:
            raise _CutShort("no answer to the connection attempt") from None
        return cls(reader, writer, timeout_s)

    async def say(self, saying: object) -> None:
        match saying:
            case Silence():
                await self._listen(saying.wait / SECOND)
            case Ending():
                await self._finish(saying.then)
            case _:
                breath = saying if isinstance(saying, tuple) else (saying,)
                self._writer.write(b"".join(_octets(one) for one in breath))
                await self._writer.drain()
                for line in breath:
                    if isinstance(line, str):
                        await self.hear(f"the reply to '{line[:40]}'")

    async def _listen(self, wait_s: float) -> None:
        """Say nothing.  What comes meanwhile, a 421 perhaps, answers nothing that is said later."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout_at(until):
                while await self._reader.read(_MAX_REPLY_LINE):
                    pass
        await asyncio.sleep(until - loop.time())

    async def hear(self, what: str) -> None:
        """Wait for one reply, all its lines."""
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    line = await self._reader.readuntil(b"\n")
                    reply = parse_reply_line(line.rstrip(b"\r\n"))
                    if reply is None or reply.last:
                        return
        except TimeoutError:
            raise _CutShort(f"{what} did not come in time") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _CutShort(f"the server hung up before {what}") from None
        except asyncio.LimitOverrunError:
            raise _CutShort(f"{what} is an endless line") from None

    async def end(self) -> None:
        """Close, unless the talk itself has ended the connection."""
        if not self._over:
            with contextlib.suppress(OSError, _CutShort):
                await self._finish("close")

    async def _finish(self, how: str) -> None:
        self._over = True
        await asyncio.sleep(_CALM_S)
        if how == "half-close":
            self._writer.write_eof()
            async with asyncio.timeout(self._timeout_s):
                while await self._reader.read(65_536):
                    pass
        if how == "reset":
            reset(self._writer.transport)
        self._writer.close()


def _octets(said: object) -> bytes:
    return said.content if isinstance(said, OctetsSaid) else str(said).encode("latin-1") + b"\r\n"
