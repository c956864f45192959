"""A POP3 client (RFC 1939): what a user agent needs to pull its owner's mail."""

from __future__ import annotations

from testbed.hosts.reading.client import CommandRefused, ReadingClient, ReadingFailed

_MAX_ANSWER = 150_000_000  # octets of all lines of one reply


class Pop3Client(ReadingClient):
    """One session.  Every refusal and every broken connection raises ReadingFailed."""

    PORT, TLS_PORT = 110, 995

    async def greeted(self) -> None:
        """Wait for the greeting."""
        await self._reply("the greeting")

    async def ask_for_tls(self) -> None:
        """STLS (RFC 2595 §4)."""
        await self._ask("STLS")

    async def say_goodbye(self) -> None:
        """QUIT."""
        await self._ask("QUIT")

    async def login(self, user: str, password: str) -> None:
        """USER and PASS."""
        await self._ask(f"USER {user}")
        await self._ask(f"PASS {password}", "PASS")

    async def messages(self) -> list[int]:
        """The numbers of the messages that are there."""
        await self._ask("LIST")
        return [int(line.split()[0]) for line in await self._lines() if line.split()[:1] and line.split()[0].isdigit()]

    async def retrieve(self, number: int) -> bytes:
        """A message, dots unstuffed."""
        await self._ask(f"RETR {number}")
        return b"".join(line + b"\r\n" for line in await self._lines())

    async def delete(self, number: int) -> None:
        """Mark a message; it is deleted once QUIT is said."""
        await self._ask(f"DELE {number}")

    async def _ask(self, command: str, shown: str = "") -> None:
        if "\r" in command or "\n" in command:
            raise CommandRefused("a line end cannot be said in POP3", shown or command.split()[0])
        self._connection.send(command.encode() + b"\r\n")
        await self._reply(shown or command)

    async def _reply(self, to: str) -> None:
        line = await self._connection.line()
        if not line.startswith(b"+OK"):
            raise CommandRefused(line.decode("utf-8", "backslashreplace"), to)

    async def _lines(self) -> list[bytes]:
        lines, octets = [], 0
        while (line := await self._connection.line()) != b".":
            octets += len(line)
            if octets > _MAX_ANSWER:
                raise ReadingFailed(f"the server's answer has more than {_MAX_ANSWER:,} octets")
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines
