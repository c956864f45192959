"""An IMAP client (RFC 3501): what user agents and web mails need to read, file and delete mail on the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from testbed.hosts.reading.client import CommandRefused, LineConnection, ReadingClient, ReadingFailed, ReplyTimeout
from testbed.protocols.imap_commands import Literal, Word, astring, command, folder_name, mailbox_name
from testbed.protocols.imap_values import Value, number, pairs, values

_MAX_LITERAL = 100_000_000
_MAX_ANSWER = 150_000_000  # octets of all responses to one command
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LITERAL = re.compile(rb"\{(\d{1,10})\}$")
_SEARCH = re.compile(rb"\* SEARCH((?: \d+)*)", re.I)
_CAPABILITY = re.compile(rb"(?:\* |\S+ OK \[)CAPABILITY ([^\]]*)", re.I)

Response = list[bytes]
"""The lines of a response, with a literal between any two."""


class ImapClient(ReadingClient):
    """One session.  Every refusal and every broken connection raises ReadingFailed."""

    PORT, TLS_PORT = 143, 993

    def __init__(self, connection: LineConnection) -> None:
        super().__init__(connection)
        self._commands = 0
        self._capabilities: frozenset[str] = frozenset()

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
        """LOGIN.  Names and passwords have no control characters, line ends among them (RFC 4013 §2.3)."""
        if _CONTROL.search(user + password):
            raise CommandRefused("a control character cannot be in a name or a password", "LOGIN")
        self._capabilities = frozenset()
        await self._ask("LOGIN", _said(astring, user, "LOGIN"), _said(astring, password, "LOGIN"), shown="LOGIN")

    async def offers(self, capability: str) -> bool:
        """Whether the server has a capability; it is asked where it has not told with LOGIN."""
        if not self._capabilities:
            await self._ask("CAPABILITY")
        return capability in self._capabilities

    # -- folders ----------------------------------------------------------------------------------------

    async def folders(self) -> list[str]:
        """The names of all folders that hold messages."""
        found = []
        for response in await self._ask("LIST", b'""', b'"*"'):
            match _read(response, b"LIST"):
                case [_, _, list(flags), _, bytes(name)] if rb"\noselect" not in [_lower(flag) for flag in flags]:
                    found.append(folder_name(name))
        return found

    async def unseen(self, folder: str) -> int | None:
        """How many messages of a folder nobody has seen, None where the server does not tell."""
        for response in await self._ask("STATUS", _folder(folder), b"(UNSEEN)"):
            if held := _read(response, b"STATUS"):
                return number(pairs(held[-1]).get(b"UNSEEN"))
        return None

    async def create(self, folder: str) -> None:
        """Make a folder."""
        await self._ask("CREATE", _folder(folder))

    async def select(self, folder: str, *, readonly: bool = False) -> None:
        """Open a folder."""
        await self._ask("EXAMINE" if readonly else "SELECT", _folder(folder))

    # -- messages ---------------------------------------------------------------------------------------

    async def search(self, subject: str | None) -> list[int]:
        """The UIDs of all messages, or of those with these words in their subject."""
        return await self._search("SUBJECT", [] if subject is None else [subject])

    async def search_text(self, texts: Sequence[str]) -> list[int]:
        """The UIDs of the messages that hold every one of these texts."""
        return await self._search("TEXT", texts)

    async def _search(self, key: str, texts: Sequence[str]) -> list[int]:
        words: list[Word] = [] if texts else [b"ALL"]
        for text in texts:
            words += [key.encode(), _said(astring, text, "UID SEARCH")]
        if not "".join(texts).isascii():
            words = [b"CHARSET UTF-8", *words]
        for response in await self._ask("UID SEARCH", *words):
            found = _SEARCH.match(response[0])
            if found:
                return [int(uid) for uid in found.group(1).split()]
        return []

    async def fetch(self, uid: int, *, peek: bool = False) -> bytes:
        """A message; the server notes that it has been seen, unless it is asked for a ``peek`` only."""
        for response in await self._ask("UID FETCH", f"{uid} BODY{'.PEEK' * peek}[]".encode()):
            if len(response) > 1:
                return response[1]
        raise ReadingFailed(f"message {uid} is gone")

    async def look_at(self, uids: Sequence[int], items: str) -> dict[int, dict[bytes, Value]]:
        """These items of messages (RFC 3501 §6.4.5), by UID; those that are gone are left out."""
        found: dict[int, dict[bytes, Value]] = {}
        for response in await self._ask("UID FETCH", _set(uids), items.encode()):
            match _read(response, b"FETCH"):
                case [_, _, _, listed]:
                    held = pairs(listed)
                    uid = number(held.get(b"UID"))
                    if uid is not None:
                        found[uid] = found.get(uid, {}) | held
        return found

    async def append(self, folder: str, message: bytes) -> None:
        """Put a message into a folder, as seen."""
        await self._ask("APPEND", _folder(folder), rb"(\Seen)", Literal(message))

    async def flag(self, uids: Sequence[int], flags: str, *, on: bool = True) -> None:
        """Set flags of messages, or clear them."""
        await self._ask("UID STORE", _set(uids), f"{'+' if on else '-'}FLAGS.SILENT ({flags})".encode())

    async def copy(self, uids: Sequence[int], folder: str) -> None:
        """Copy messages into a folder."""
        await self._ask("UID COPY", _set(uids), _folder(folder))

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages into a folder (RFC 6851)."""
        await self._ask("UID MOVE", _set(uids), _folder(folder))

    async def delete(self, uids: Sequence[int]) -> None:
        """Mark messages and expunge them alone (RFC 4315)."""
        await self.flag(uids, r"\Deleted")
        await self._ask("UID EXPUNGE", _set(uids))

    async def expunge(self) -> None:
        """Expunge everything that is marked in the open folder."""
        await self._ask("EXPUNGE")

    # -- waiting ----------------------------------------------------------------------------------------

    async def idle(self) -> None:
        """Ask to hear of news (RFC 2177)."""
        self._commands += 1
        self._connection.send(b"".join(command(self._tag, b"IDLE")))
        if not (line := await self._connection.line()).startswith(b"+"):
            raise CommandRefused(_without_tag(line), "IDLE")

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

    # -- commands and responses ---------------------------------------------------------------------------

    @property
    def _tag(self) -> str:
        return f"a{self._commands}"

    async def _ask(self, name: str, *words: Word, shown: str = "") -> list[Response]:
        """The untagged responses to a command."""
        shown = shown or " ".join([name, *(word.decode() for word in words if isinstance(word, bytes))])
        self._commands += 1
        first, *rest = command(self._tag, name.encode(), *words)
        self._connection.send(first)
        for piece in rest:
            while not (line := await self._connection.line()).startswith(b"+"):
                if not line.startswith(b"* "):
                    raise CommandRefused(_without_tag(line), shown)
            self._connection.send(piece)
        return await self._finished(shown)

    async def _finished(self, shown: str) -> list[Response]:
        tag = f"{self._tag} ".encode()
        told: list[Response] = []
        octets = 0
        while True:
            response = await self._response()
            line = response[0]
            octets += sum(map(len, response))
            if octets > _MAX_ANSWER:
                raise ReadingFailed(f"the server's answer has more than {_MAX_ANSWER:,} octets")
            if found := _CAPABILITY.match(line):
                self._capabilities = frozenset(found[1].decode("ascii", "replace").upper().split())
            if not line.startswith(tag):
                told.append(response)
            elif line.removeprefix(tag).upper().startswith(b"OK"):
                return told
            else:
                raise CommandRefused(_without_tag(line), shown)

    async def _response(self) -> Response:
        pieces = [await self._connection.line()]
        while found := _LITERAL.search(pieces[-1]):
            octets = int(found.group(1))
            if octets > _MAX_LITERAL:
                raise ReadingFailed(f"the server announced {octets:,} octets")
            pieces.append(await self._connection.exactly(octets))
            pieces.append(await self._connection.line())
        return pieces


def _folder(name: str) -> Word:
    return _said(mailbox_name, name, "a folder's name")


def _said(say: Callable[[str], Word], text: str, to: str) -> Word:
    """A text as IMAP says it.  Raises CommandRefused where it has no way to."""
    try:
        return say(text)
    except ValueError as error:
        raise CommandRefused(str(error), to) from error


def _set(uids: Sequence[int]) -> bytes:
    return ",".join(map(str, uids)).encode()


def _read(response: Response, kind: bytes) -> list[Value]:
    """The values of a response of a kind, none of another.  Raises ReadingFailed for what cannot be read."""
    words = response[0].upper().split(b" ", 3)
    if words[0] != b"*" or kind not in words[1:3]:
        return []
    try:
        return values(response)
    except ValueError as error:
        raise ReadingFailed(f"the server's answer cannot be read: {error}") from error


def _lower(flag: Value) -> bytes:
    return flag.lower() if isinstance(flag, bytes) else b""


def _without_tag(line: bytes) -> str:
    return line.partition(b" ")[2].decode("utf-8", "backslashreplace")
