"""An IMAP client (RFC 3501): what a user agent needs to read, file and delete its owner's mail on the server."""

from __future__ import annotations

import re

from testbed.hosts.reading.client import CommandRefused, LineConnection, ReadingClient, ReadingFailed, ReplyTimeout

_MAX_LITERAL = 100_000_000
_LITERAL = re.compile(rb"\{(\d{1,10})\}$")
_SEARCH = re.compile(rb"\* SEARCH((?: \d+)*)", re.I)


class ImapClient(ReadingClient):
    """One session.  Every refusal and every broken connection raises ReadingFailed."""

    PORT, TLS_PORT = 143, 993

    def __init__(self, connection: LineConnection) -> None:
        super().__init__(connection)
        self._commands = 0

    async def greeted(self) -> None:
        """Wait for the greeting."""
        greeting = await self._connection.line()
        if not greeting.startswith(b"* OK"):
            raise ReadingFailed(f"{greeting.decode('utf-8', 'backslashreplace')} (the greeting)")

    async def ask_for_tls(self) -> None:
        """STARTTLS (RFC 3501 §6.2.1)."""
        await self._ask("STARTTLS")

    async def say_goodbye(self) -> None:
        """LOGOUT."""
        await self._ask("LOGOUT")

    async def login(self, user: str, password: str) -> None:
        """LOGIN."""
        await self._ask(f"LOGIN {_quoted(user)} {_quoted(password)}", "LOGIN")

    async def select(self, folder: str) -> None:
        """Open a folder."""
        await self._ask(f"SELECT {_quoted(folder)}")

    async def search(self, subject: str | None) -> list[int]:
        """The UIDs of all messages, or of those with these words in their subject."""
        criterion = "ALL" if subject is None else f"SUBJECT {_quoted(subject)}"
        for line, _ in await self._ask(f"UID SEARCH {criterion}"):
            found = _SEARCH.match(line)
            if found:
                return [int(uid) for uid in found.group(1).split()]
        return []

    async def fetch(self, uid: int) -> bytes:
        """A message; the server notes that it has been seen."""
        for _, literals in await self._ask(f"UID FETCH {uid} BODY[]"):
            if literals:
                return literals[0]
        raise ReadingFailed(f"message {uid} is gone")

    async def append(self, folder: str, message: bytes) -> None:
        """Put a message into a folder."""
        await self._ask(f"APPEND {_quoted(folder)} (\\Seen) {{{len(message)}}}", literal=message)

    async def copy(self, uid: int, folder: str) -> None:
        """Copy a message into a folder."""
        await self._ask(f"UID COPY {uid} {_quoted(folder)}")

    async def move(self, uid: int, folder: str) -> None:
        """Move a message into a folder (RFC 6851)."""
        await self._ask(f"UID MOVE {uid} {_quoted(folder)}")

    async def delete(self, uid: int) -> None:
        """Mark a message and expunge it alone (RFC 4315)."""
        await self._ask(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        await self._ask(f"UID EXPUNGE {uid}")

    async def idle(self) -> None:
        """Ask to hear of news (RFC 2177)."""
        self._send("IDLE")
        if not (line := await self._connection.line()).startswith(b"+"):
            raise CommandRefused(f"{_without_tag(line)} (in reply to IDLE)")

    async def news(self, patience_s: float) -> bool:
        """Wait in IDLE until the server tells of messages there are now, or for so long; whether it has."""
        try:
            while True:
                line = await self._connection.line(patience_s)
                if line.startswith(b"* ") and line.upper().endswith(b" EXISTS"):
                    return True
        except ReplyTimeout:
            return False

    async def done(self) -> None:
        """End IDLE."""
        self._connection.send(b"DONE\r\n")
        await self._finished("IDLE")

    async def _ask(
        self, command: str, shown: str = "", literal: bytes | None = None
    ) -> list[tuple[bytes, list[bytes]]]:
        """The untagged responses to a command, each with its literals."""
        self._send(command)
        if literal is not None:
            line = await self._connection.line()
            if not line.startswith(b"+"):
                raise CommandRefused(f"{_without_tag(line)} (in reply to {command.split()[0]})")
            self._connection.send(literal + b"\r\n")
        return await self._finished(shown or command.partition(" {")[0])

    def _send(self, command: str) -> None:
        self._commands += 1
        self._connection.send(f"a{self._commands} {command}\r\n".encode())

    async def _finished(self, command: str) -> list[tuple[bytes, list[bytes]]]:
        tag = f"a{self._commands} ".encode()
        told = []
        while True:
            line, literals = await self._response()
            if not line.startswith(tag):
                told.append((line, literals))
            elif line.removeprefix(tag).upper().startswith(b"OK"):
                return told
            else:
                raise CommandRefused(f"{_without_tag(line)} (in reply to {command})")

    async def _response(self) -> tuple[bytes, list[bytes]]:
        """One response: its lines as one, its literals apart."""
        lines, literals = [await self._connection.line()], []
        while found := _LITERAL.search(lines[-1]):
            octets = int(found.group(1))
            if octets > _MAX_LITERAL:
                raise ReadingFailed(f"the server announced {octets:,} octets")
            literals.append(await self._connection.exactly(octets))
            lines.append(await self._connection.line())
        return b"".join(lines), literals


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _without_tag(line: bytes) -> str:
    return line.partition(b" ")[2].decode("utf-8", "backslashreplace")
