"""Who read or changed which mailbox, with every message that was given and every line that was told."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from testbed.expect.sealed import ends, sealed
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.services.imap.dialogue import ImapDialogue
from testbed.trace.services.messages import Message
from testbed.trace.services.pop3.dialogue import Pop3Dialogue
from testbed.trace.services.reading.results import reading_result
from testbed.trace.tcp.reassembly import reassemble
from testbed.trace.tls.session import with_decrypted

_DIALOGUES: dict[str, type[Pop3Dialogue] | type[ImapDialogue]] = {"pop3": Pop3Dialogue, "imap": ImapDialogue}
_RETRIEVES = frozenset(("RETR", "TOP"))
_SASL_USER = re.compile(r"(?:^| |,)(?:user|n)=([^ ,]+)")
_OPENS = {"pop3": frozenset(("PASS", "APOP", "AUTH")), "imap": frozenset(("LOGIN", "AUTHENTICATE"))}


class Said(Struct, frozen=True):
    """An exchange, and the messages that came with it, in order; of some only a part was asked for."""

    exchange: Exchange
    messages: tuple[Message, ...]

    @property
    def verb(self) -> str:
        """The command, without UID before it."""
        return self.exchange.command.verb.removeprefix("UID ") if self.exchange.command is not None else ""

    @property
    def argument(self) -> str:
        """What the command says besides its name."""
        return self.exchange.command.argument if self.exchange.command is not None else ""

    @property
    def ok(self) -> bool:
        """Whether the server said yes, to the end."""
        reply = self.exchange.reply
        return reply is not None and reply.code in ("+OK", "OK") and self.exchange.note == ""

    @property
    def began_ns(self) -> int:
        """When it was asked."""
        command, reply = self.exchange.command, self.exchange.reply
        return command.time_ns if command is not None else reply.time_ns if reply is not None else 0

    @property
    def ended_ns(self) -> int:
        """When it was answered, or asked where it never was."""
        return self.exchange.reply.time_ns if self.exchange.reply is not None else self.began_ns


class Visit(Struct, frozen=True):
    """A connection by which somebody opened a mailbox; ``user`` is the local part of who did, in lower case."""

    connection: Connection
    user: str
    said: tuple[Said, ...]
    opened_ns: int

    @property
    def server(self) -> str:
        """The host that serves the mailbox."""
        return self.connection.server.label

    @property
    def client(self) -> str:
        """The host that reads it."""
        return self.connection.client.label

    @property
    def ended_ns(self) -> int:
        """When it was over."""
        return self.connection.end_ns


def visits(analysis: Analysis) -> list[Visit]:
    """All there are, in order of connections, but for those of hosts of whose dialogues something is hidden or lost.

    A dialogue with a line that is no reply of its protocol is followed no further than there.
    """
    hidden = ends(sealed(analysis))
    readable = [c for c in analysis.connections if c.service in _DIALOGUES]
    missed = {c.server.label for c in readable if c.transport.gaps}
    found = [_visit(analysis, c) for c in readable if c.server.label not in hidden | missed]
    unknown = {visit.server for visit in found if visit.opened_ns and not visit.user}
    return [visit for visit in found if visit.opened_ns and visit.server not in unknown]


def _visit(analysis: Analysis, connection: Connection) -> Visit:
    messages: list[Message] = []
    make: Callable[..., Pop3Dialogue | ImapDialogue] = _DIALOGUES[connection.service]
    dialogue = make(show_credentials=True, on_message=messages.append, tells=True)
    index = connection.number - 1
    understanding = analysis.understanding
    chunks = reassemble(understanding.received(index), analysis.table.octets)
    for item in with_decrypted(chunks, understanding.decrypted.flows.get(index, {})):
        dialogue.feed(item)
    exchanges = dialogue.finish()[0]
    said, user, opened_ns = [], "", 0
    given = deque(message for message in messages if message.command != "APPEND")
    appended = deque(message for message in messages if message.command == "APPEND")
    for exchange in exchanges:
        taken = appended if exchange.command is not None and exchange.command.verb == "APPEND" else given
        number = _number_of(exchange) if taken is given else int(bool(appended))
        one = Said(exchange, tuple(taken.popleft() for _ in range(min(number, len(taken)))))
        if exchange.reply is not None and exchange.reply.code not in ("+OK", "-ERR", "+", "OK", "NO", "BAD", "BYE"):
            break
        said.append(one)
        user = _user_of(exchange) or user
        if not opened_ns and one.ok and one.verb in _OPENS[connection.service]:
            opened_ns = one.ended_ns
    return Visit(connection, user.strip('"').partition("@")[0].lower(), tuple(said), opened_ns)


def _number_of(exchange: Exchange) -> int:
    """How many messages, whole or not, came with it."""
    if exchange.command is not None and exchange.command.verb in _RETRIEVES:
        return int(exchange.reply is not None and exchange.reply.code == "+OK")
    return sum(part.section == "" for told in reading_result(exchange).told for part in told.parts)


def _user_of(exchange: Exchange) -> str:
    command = exchange.command
    if command is None:
        return ""
    if command.verb == "USER":
        return command.argument
    if command.verb in ("LOGIN", "APOP"):
        return command.argument.partition(" ")[0]
    if command.verb in ("AUTH", "AUTHENTICATE"):
        found = _SASL_USER.search(command.argument)
        return found[1] if found is not None else ""
    return ""
