"""The messages of a capture as octets: what SMTP and LMTP carried, POP3 and IMAP retrieved, IMAP appended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from testbed.protocols.header import header_field
from testbed.trace.flows import CLIENT
from testbed.trace.model.connection import Connection
from testbed.trace.services.messages import Message
from testbed.trace.services.table import service_of
from testbed.trace.tcp.proxied import ProxyWatch
from testbed.trace.tcp.reassembly import reassemble
from testbed.trace.tls.records import OpenedRecords
from testbed.trace.tls.session import with_decrypted
from testbed.trace.understanding import Understanding

if TYPE_CHECKING:
    from testbed.trace.analysis import Analysis


class MailObject(Struct, frozen=True):
    """A message seen on the wire, with dots unstuffed (RFC 5321 §4.5.2, RFC 1939 §3) and chunks joined (RFC 3030).

    ``ordinal`` counts the messages of a connection from 1.  ``command`` is what carried it: DATA, BDAT, RETR, TOP,
    FETCH or APPEND; ``direction`` is ``"to server"`` or ``"to client"``.  ``missing`` counts the octets known to be
    missing, in the middle or at the end; nothing is put in their place.  A message with nothing missing that is not
    ``complete`` was cut off by the end of the connection, or is a part the client asked for.  ``frames`` are its first
    and last.
    """

    connection: int
    ordinal: int
    service: str
    command: str
    direction: str
    octets: bytes
    complete: bool
    missing: int
    frames: tuple[int, ...]
    message_id: str


def mail_objects(analysis: Analysis, decrypted: Mapping[int, OpenedRecords] | None = None) -> Iterator[MailObject]:
    """Every message of the chosen connections, one at a time: no more than one or two lie in memory at once.

    ``decrypted`` has what TLS keys opened, by the index of the flow, from 0.
    """
    for connection in analysis.connections:
        yield from objects_of(connection, analysis.understanding, decrypted)


def objects_of(
    connection: Connection, understanding: Understanding, decrypted: Mapping[int, OpenedRecords] | None = None
) -> Iterator[MailObject]:
    """The messages of one connection."""
    ended: deque[Message] = deque()
    service = service_of(connection.service)
    if service.mail is None or service.stream is None:
        return
    dialogue = service.stream(on_message=ended.append)
    index, ordinal = understanding.index(connection.number), 0
    said = ProxyWatch().over(reassemble(understanding.received(index), understanding.flows.table.octets))
    for item in with_decrypted(said, (decrypted or {}).get(index, {})):
        dialogue.feed(item)
        while ended:
            ordinal += 1
            yield _object(connection.number, ordinal, connection.service, ended.popleft())
    dialogue.finish()
    while ended:
        ordinal += 1
        yield _object(connection.number, ordinal, connection.service, ended.popleft())


def _object(connection: int, ordinal: int, service: str, message: Message) -> MailObject:
    return MailObject(
        connection=connection,
        ordinal=ordinal,
        service=service,
        command=message.command,
        direction="to server" if message.side == CLIENT else "to client",
        octets=message.octets,
        complete=message.complete,
        missing=message.missing,
        frames=message.frames,
        message_id=header_field(message.octets, "Message-ID"),
    )
