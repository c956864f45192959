"""Messages whose move between IMAP folders was interrupted: which folder holds them (RFC 6851)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.reading.results import reading_result

_OPENS = frozenset(("SELECT", "EXAMINE"))
_MOVE = re.compile(r'(\d+) (?:"(.*)"|(\S+))')


class _Look(Struct, frozen=True):
    """A later session saw which messages a folder holds."""

    connection: Connection
    frames: tuple[int, ...]
    uids: frozenset[int]


def interrupted_moves(connections: Iterable[Connection]) -> Iterator[Finding]:
    """Every MOVE that was sent and not answered, with what a later session found."""
    for connection in connections:
        if connection.transport.gaps or connection.ending.closure is Closure.OPEN:
            continue
        folder = ""
        for exchange in connection.exchanges:
            command = exchange.command
            if command is None:
                continue
            if command.verb in _OPENS:
                folder = command.argument.strip('"')
            elif command.verb in ("MOVE", "UID MOVE") and exchange.reply is None:
                yield _interrupted(connection, exchange, folder, connections)


def _interrupted(connection: Connection, exchange: Exchange, source: str, connections: Iterable[Connection]) -> Finding:
    command = exchange.command
    assert command is not None
    found = _MOVE.fullmatch(command.argument)
    target = (found.group(2) or found.group(3)) if found else "the other folder"
    text = f"the connection of {connection.client.label} ended before {connection.server.label} answered {command.verb}"
    text += f": the message is in exactly one of {source or 'the folder it was in'} and {target}"
    frames = (*command.frames, *connection.ending.frames[:1])
    numbers: tuple[int, ...] = (connection.number,)
    look = None
    if found is not None and command.verb == "UID MOVE" and source:
        look = _later_look(connection, source, connections)
    if found is not None and look is not None:
        there = int(found.group(1)) in look.uids
        text += f"; a later session found it {'still' if there else 'no longer'} in {source}"
        text += "" if there else f", so {target} has it"
        frames, numbers = (*frames, *look.frames), (*numbers, look.connection.number)
    return Finding("move-interrupted", Severity.WARNING, text, frames, "RFC 6851 §3.3", numbers)


def _later_look(connection: Connection, source: str, connections: Iterable[Connection]) -> _Look | None:
    """The first time a later session asked for all messages of the folder."""
    for other in connections:
        if other.number <= connection.number:
            continue
        if (other.server.label, other.client.label) != (connection.server.label, connection.client.label):
            continue
        folder = ""
        for exchange in other.exchanges:
            command, reply = exchange.command, exchange.reply
            if command is None or reply is None or reply.code != "OK":
                continue
            if command.verb in _OPENS:
                folder = command.argument.strip('"')
            elif command.verb == "UID SEARCH" and command.argument.upper() == "ALL" and folder == source:
                uids = reading_result(exchange).found
                if uids is not None:
                    return _Look(other, reply.frames, uids)
    return None
