"""A client that says what a scenario writes, octet by octet, and knows no manners of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from testbed.durations import SECOND
from testbed.errors import reason
from testbed.hosts.connections import send_fin
from testbed.hosts.site import Site
from testbed.hosts.streams import begin_tls
from testbed.protocols import events
from testbed.protocols.answers import LANGUAGES, Answer, Reading
from testbed.protocols.text import decoded
from testbed.reset import reset
from testbed.scenario.talk import Ending, LineSaid, OctetsSaid, Saying, Silence, TalkStep, TlsBegun
from testbed.scenario.talk_replies import is_as_expected, without_text

_CALM_S = 1.0  # scenario time in which everything said has arrived and been answered
_MAX_LINE = 65_536
_MAX_ANSWER = 100_000_000  # octets
_MOST_SHOWN = 3  # lines of an answer in a sentence


class _CutShort(Exception):
    """The talk ended before everything was said, and answered as expected."""


async def talk(site: Site, step: TalkStep, address: str) -> None:
    """Say what the step says to one address, up to the first answer that is not as expected.

    How far it came is logged; whether that is well is for the verdicts to say.
    """
    done, why = 0, "everything was said and answered"
    try:
        connection = await _Connection.open(site, step, address)
        try:
            await connection.begin()
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
    def __init__(self, site: Site, step: TalkStep, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._site = site
        self._step = step
        self._use(reader, writer)
        self._language = LANGUAGES[step.service]()
        self._timeout_s = step.timeout / SECOND
        self._lines = 0
        self._unasked = b""
        self._over = False

    def _use(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        writer.transport.set_write_buffer_limits(high=0)  # drain() returns when the kernel has everything

    @classmethod
    async def open(cls, site: Site, step: TalkStep, address: str) -> _Connection:
        source = site.source_for(address)
        try:
            async with asyncio.timeout(step.timeout / SECOND):
                reader, writer = await asyncio.open_connection(
                    address, step.port, local_addr=(source, 0) if source else None, limit=_MAX_LINE
                )
        except TimeoutError:
            raise _CutShort("no answer to the connection attempt") from None
        return cls(site, step, reader, writer)

    async def begin(self) -> None:
        """Begin TLS where it comes first; wait for the greeting."""
        if self._step.tls == "implicit":
            await self._begin_tls()
        answer = await self._hear("the greeting", self._language.greeting())
        _compare("the greeting was", answer, self._step.greeting, ())

    async def say(self, saying: Saying) -> None:
        match saying:
            case Silence():
                heard = await self._listen(saying.wait / SECOND)
                lines = [decoded(line) for line in heard.splitlines()]
                if missing := without_text(lines, saying.text):
                    raise _CutShort(f"in the silence the server said {_shown(lines)}; no line has '{missing}' in it")
            case Ending():
                await self._finish(saying.then)
            case TlsBegun():
                await self._begin_tls()
            case _:
                breath = saying if isinstance(saying, tuple) else (saying,)
                await self._put_aside()
                self._writer.write(b"".join(_octets(one) for one in breath))
                await self._writer.drain()
                for line in breath:
                    if not isinstance(line, OctetsSaid):
                        await self._be_answered(
                            line if isinstance(line, LineSaid) else LineSaid.model_validate({"line": line})
                        )

    async def _be_answered(self, said: LineSaid) -> None:
        self._lines += 1
        answer = await self._hear(f"the reply to '{said.words[:40]}'", self._language.answer(_octets(said)[:-2]))
        _compare(f"line {self._lines}: {said.words[:40]} was answered", answer, said.reply, said.text)

    async def _listen(self, wait_s: float) -> bytes:
        """Say nothing.  What comes meanwhile, a 421 perhaps, answers nothing that is said later."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        heard = await self._read_until(until)
        await asyncio.sleep(until - loop.time())
        return heard

    async def _put_aside(self) -> None:
        """What has come before a line is said is no answer to it."""
        await asyncio.sleep(0)  # the loop reads what the kernel has
        await self._read_until(asyncio.get_running_loop().time())

    async def _read_until(self, until: float) -> bytes:
        heard = bytearray()
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout_at(until):
                while octets := await self._reader.read(_MAX_LINE):
                    heard += octets[: _MAX_ANSWER - len(heard)]
        self._unasked = bytes(heard) or self._unasked
        return bytes(heard)

    async def _hear(self, what: str, reading: Reading) -> Answer:
        """Wait for one answer, whole."""
        octets = 0
        try:
            async with asyncio.timeout(self._timeout_s):
                wanted = next(reading)
                while True:
                    octets += wanted or 0
                    if octets > _MAX_ANSWER:
                        raise _CutShort(f"{what} has more than {_MAX_ANSWER:,} octets")
                    piece = await (self._line() if wanted is None else self._reader.readexactly(wanted))
                    octets += 0 if wanted is not None else len(piece)
                    wanted = reading.send(piece)
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer
        except TimeoutError:
            raise _CutShort(f"{what} did not come in time") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            before = decoded(self._unasked.strip().rpartition(b"\n")[2])[:80]
            unasked = f", having said '{before}' unasked" if before else ""
            raise _CutShort(f"the server hung up before {what}{unasked}") from None
        except asyncio.LimitOverrunError:
            raise _CutShort(f"{what} is an endless line") from None

    async def _line(self) -> bytes:
        return (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")

    async def _begin_tls(self) -> None:
        if self._site.tls is None:
            raise _CutShort("there is no TLS in this lab")
        context = self._site.tls.authority.client(checks=False)
        try:
            streams = await begin_tls(
                self._writer,
                context,
                timeout_s=self._timeout_s,
                server_hostname=self._step.to,
                reader=asyncio.StreamReader(limit=_MAX_LINE),
            )
        except OSError as error:
            self._over = True
            raise _CutShort(f"the TLS handshake failed: {reason(error)}") from error
        self._use(*streams)

    async def end(self) -> None:
        """Close, unless the talk itself has ended the connection."""
        if not self._over:
            with contextlib.suppress(OSError, _CutShort):
                await self._finish("close")

    async def _finish(self, how: str) -> None:
        self._over = True
        await asyncio.sleep(_CALM_S)
        if how == "half-close":
            send_fin(self._writer)
            async with asyncio.timeout(self._timeout_s):
                while await self._reader.read(_MAX_LINE):
                    pass
        if how == "reset":
            reset(self._writer.transport)
        self._writer.close()


def _octets(said: str | LineSaid | OctetsSaid) -> bytes:
    if isinstance(said, OctetsSaid):
        return said.content
    return (said.words if isinstance(said, LineSaid) else said).encode("latin-1") + b"\r\n"


def _compare(was: str, answer: Answer, replies: Sequence[str], texts: Sequence[str]) -> None:
    """Raises _CutShort where an answer is not as expected."""
    if replies and not is_as_expected(answer, replies):
        decisive = answer.lines if len(answer.statuses) > 1 else (answer.decisive,)
        raise _CutShort(f"{was} {_shown(list(map(decoded, decisive)))}, expected {' and '.join(replies)}")
    lines = list(map(decoded, answer.lines))
    if missing := without_text(lines, texts):
        raise _CutShort(f"{was} {_shown(lines)}; no line has '{missing}' in it")


def _shown(lines: Sequence[str]) -> str:
    more = f" and {len(lines) - _MOST_SHOWN} more lines" if len(lines) > _MOST_SHOWN else ""
    return (", ".join(f"'{line[:80]}'" for line in lines[:_MOST_SHOWN]) or "nothing") + more
