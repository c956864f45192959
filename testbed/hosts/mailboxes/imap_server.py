"""The IMAP server of a mail host: pymap's, on our mailboxes, with dialogue faults and bounded memory.

IMAP4rev1 with LITERAL+, ID, IDLE, UIDPLUS, MOVE, BINARY, CHILDREN, MULTIAPPEND and QUOTA (RFC 3501, 2177, 4315, 6851,
9208).  This file is imported only where somebody reads by IMAP: pymap takes a tenth of a second to load.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from argparse import Namespace
from contextlib import AsyncExitStack, closing, suppress

from proxyprotocol.sock import SocketInfo
from pymap.concurrent import Subsystem
from pymap.config import BackendCapability, IMAPConfig
from pymap.context import connection_exit
from pymap.imap import IMAPConnection
from pymap.imap.state import ConnectionState
from pymap.parsing.command import Command
from pymap.parsing.response import (
    Response,
    ResponseBye,
)
from pysasl import SASLAuth
from pysasl.creds.server import ServerCredentials
from pysasl.exception import AuthenticationError
from pysasl.hashing import Cleartext
from pysasl.mechanism.login import LoginMechanism
from pysasl.mechanism.plain import PlainMechanism

from testbed.hosts.mailboxes.imap_quota import QuotaCommands
from testbed.hosts.mailboxes.imap_session import Accounts
from testbed.hosts.mailboxes.imap_staging import StagedState
from testbed.hosts.mailboxes.imap_store import room_to_write
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.tls import ReadingTls
from testbed.hosts.site import Site
from testbed.hosts.smtp.message_data import MAX_MESSAGE_OCTETS

AUTOLOGOUT_S = 1_800.0  # RFC 3501 §5.4
_MAX_COMMAND_OCTETS = MAX_MESSAGE_OCTETS + 1_048_576
# pymap goes through all words and lists of a command in one go, at 30 ms a thousand, and through the mailbox for each
# part of a set.  How deep lists are nested costs no more than that: Python's own limit ends it.
_MOST_WORDS, _MOST_PARTS_OF_SETS = 500, 1_000
_NOT_UNDERSTOOD = b"This cannot be understood."
_MECHANISMS = SASLAuth([PlainMechanism(b"PLAIN"), LoginMechanism(b"LOGIN")])

logging.getLogger("pymap").setLevel(logging.CRITICAL)


class ImapServer:
    """Opens mailboxes to their owners.  With ``tls``, STARTTLS is offered; ``implicit`` begins with it instead."""

    def __init__(
        self, site: Site, post_office: PostOffice, tls: ReadingTls | None = None, *, implicit: bool = False
    ) -> None:
        self._site = site
        self._tls = tls
        self._implicit = implicit
        self._config = Config(site, offers_tls=tls is not None and not implicit)
        self._accounts = Accounts(site, post_office, self._config)

    def protocol(self) -> asyncio.BaseProtocol:
        """One connection's server side."""
        return self._site.connections.protocol(self._serve, _Reader())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, _Reader)
        number = self._site.dialogue.connected("IMAP")
        connection = _Connection(self._config, reader, writer, self._tls, number)
        state = StagedState(self._site, self._accounts, self._config, connection, number)
        async with AsyncExitStack() as stack:
            connection_exit.set(stack)
            room_to_write.set(connection.room_to_write)
            stack.enter_context(closing(connection))
            # Whoever broke the connection knows; of a message nested beyond all measure, pymap has said BYE.
            with suppress(OSError, EOFError, RecursionError):
                if self._implicit:
                    await connection.start_tls()
                await connection.run(state)


class Config(IMAPConfig):
    """pymap's settings, which elsewhere come from its command line."""

    def __init__(self, site: Site, *, offers_tls: bool) -> None:
        super().__init__(
            Namespace(passlib_cfg=None, proxy_protocol=None),
            host=None,
            port=0,
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),  # never used: see _Connection.start_tls
            tls_enabled=offers_tls,
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
            invalid_user_sleep=0.0,
            max_append_len=MAX_MESSAGE_OCTETS,
        )
        self._greeting = f"{site.name} IMAP server ready".encode()

    @property
    def backend_capability(self) -> BackendCapability:
        quota = [b"QUOTA", b"QUOTA=RES-STORAGE", b"QUOTA=RES-MESSAGE"]
        return BackendCapability(idle=True, object_id=False, multi_append=True, custom=quota)

    @property
    def commands(self) -> QuotaCommands:
        return QuotaCommands()

    @property
    def tls_auth(self) -> SASLAuth:
        return _MECHANISMS

    @property
    def initial_auth(self) -> SASLAuth:
        return _MECHANISMS  # in clear too, like POP3: whether to tell a password is up to its owner

    @property
    def greeting(self) -> bytes:
        return self._greeting


class _BeyondMeasure(ConnectionAbortedError):
    """No command has such lines, and no answer to a challenge."""


class _Reader(asyncio.StreamReader):
    """Reads no more than one message and some for each command, and lets others have their turn."""

    def __init__(self) -> None:
        super().__init__()
        self.begin_command()

    def begin_command(self) -> None:
        """What is read from now on is a command of its own."""
        self._allowance, self._words, self._parts = _MAX_COMMAND_OCTETS, _MOST_WORDS, _MOST_PARTS_OF_SETS

    async def readline(self) -> bytes:
        await asyncio.sleep(0)  # a reader that has the next line does not wait
        try:
            line = await super().readline()
        except ValueError as error:  # what asyncio says of a line beyond its limit
            raise _BeyondMeasure(str(error)) from error
        self._words -= line.count(b" ") + line.count(b"(")
        self._parts -= line.count(b",")
        if min(self._words, self._parts) < 0:
            raise _BeyondMeasure("a command has too many words, lists or parts of sets")
        if not line:  # pymap, with a literal of no octets before it, would read on for ever
            raise EOFError
        self._take(len(line))
        return line

    async def readexactly(self, n: int) -> bytes:
        self._take(n)
        return await super().readexactly(n)

    def _take(self, octets: int) -> None:
        self._allowance -= octets
        if self._allowance < 0:
            raise ConnectionAbortedError(f"a command is longer than {_MAX_COMMAND_OCTETS} octets")


class _Connection(IMAPConnection):
    __slots__ = ("_tls", "number")

    def __init__(
        self, config: Config, reader: _Reader, writer: asyncio.StreamWriter, tls: ReadingTls | None, number: int
    ) -> None:
        super().__init__(config.commands, config, reader, writer, SocketInfo.get(writer, None))
        self._tls = tls
        self.number = number

    async def read_command(self, state: ConnectionState) -> Command:
        """The next command.  Who is silent too long, or cannot be understood at all, is told so and cut off."""
        assert isinstance(self.reader, _Reader)
        self.reader.begin_command()
        try:
            async with asyncio.timeout(AUTOLOGOUT_S):
                return await super().read_command(state)
        except TimeoutError:
            reason = b"Autologout: idle for too long."
        except _BeyondMeasure:
            reason = _NOT_UNDERSTOOD
        except (OSError, EOFError):
            raise
        except Exception:  # of a parser fed by strangers
            reason = _NOT_UNDERSTOOD
        await self.write_response(ResponseBye(reason))
        raise ConnectionAbortedError(reason.decode())

    async def authenticate(self, state: ConnectionState, mech_name: bytes) -> ServerCredentials | None:
        """Who the client says it is.  Raises AuthenticationError for what is no text in UTF-8 (RFC 4616 §2), too."""
        try:
            return await super().authenticate(state, mech_name)
        except UnicodeError as error:
            raise AuthenticationError from error

    async def write_response(self, resp: Response) -> None:
        """Write it.  A message's fields are only parsed here: where that fails, in mid-line, the connection ends."""
        try:
            await super().write_response(resp)
        except (OSError, EOFError):
            raise
        except Exception as error:
            raise ConnectionAbortedError(str(error)) from error

    async def room_to_write(self) -> None:
        """Return once the client has taken most of what it was sent."""
        await self.writer.drain()

    async def start_tls(self) -> None:
        """Begin TLS; what came behind STARTTLS in clear is thrown away (RFC 3501 §6.2.1)."""
        assert self._tls is not None
        self.reader, self.writer = await self._tls.begin(self.reader, self.writer, self.number, _Reader())
