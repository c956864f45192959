"""Messages on their way from host to host: what each transaction carried, for whom, and whether its reply was heard.

Messages are known by their Message-ID where they have one, and by the digest of their octets besides: two mails without
a Message-ID are two mails, and one whose Message-ID was changed on the way is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from hashlib import sha256

from testbed.expect.conservation.hearing import Hearing
from testbed.expect.deeds import StagedReplies
from testbed.protocols.header import field_digests, text_digest
from testbed.protocols.line_ends import loose_digest, stand_alone
from testbed.protocols.mbox import without_quotes
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import MailObject, mail_objects
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Recipient, Transaction

_NO_TEXT = text_digest(b"")  # is no evidence of two messages being the same


class Answer(Enum):
    """What the server said to a message, as far as its client knows."""

    TAKEN = auto()
    REFUSED = auto()
    UNHEARD = auto()  # there was no reply, or it did not reach a client that could note it (RFC 1047)


@dataclass(frozen=True, slots=True)
class Content:
    """The octets of a message: digests of its header fields, of its body, and of that without empty lines at its end.

    ``fields`` are those of :func:`testbed.protocols.header.field_digests`; ``place`` is the connection, and which
    of its messages this is.  ``malformed`` tells that a CR or LF stands alone in the body, which may be mended:
    ``loose_sha256`` is the :func:`testbed.protocols.line_ends.loose_digest` of it.  ``unquoted_sha256`` is of the text
    as mbox files are compared (:func:`testbed.protocols.mbox.without_quotes`).
    """

    fields: tuple[str, ...]
    body_sha256: str
    text_sha256: str
    unquoted_sha256: str
    loose_sha256: str
    malformed: bool
    place: tuple[int, int]


def content_of(octets: bytes, place: tuple[int, int] = (0, 0)) -> Content:
    """The digests of a message."""
    header, _, body = octets.partition(b"\r\n\r\n")
    digests = field_digests(header), sha256(body).hexdigest(), text_digest(body), text_digest(without_quotes(body))
    return Content(*digests, loose_digest(body), malformed=stand_alone(body), place=place)


@dataclass(frozen=True, slots=True)
class Passage:
    """One message for one recipient, handed from one host to the next, or offered to it, on a numbered connection.

    ``content`` is None where the capture does not hold the message whole, or a CR or LF stands alone in its header.
    ``silent`` tells that nobody is to hear of a failure: the null path, or NOTIFY without FAILURE (RFC 3461 §4.1).
    ``in_vain`` tells that the server had ended its side before the final dot came: what is sent then nobody takes.
    ``began_ns`` is when the message was sent.  ``known_as`` is the Message-ID under which its client was given it,
    ``message_id`` the one it is handed on with.
    """

    client: str
    server: str
    sender: str
    recipient: str  # in lower case
    message_id: str
    known_as: str
    content: Content | None
    answer: Answer
    status: str  # of the reply that refused it, "" otherwise
    promised: bool  # the server said 2yz, heard or not
    staged: bool  # a fault said so in its name
    silent: bool
    in_vain: bool
    began_ns: int
    ended_ns: int
    frames: tuple[int, ...]
    connection: int


def passages(analysis: Analysis) -> list[Passage]:
    """All there are in a trace, in order of connections.

    A message that a relay was given under another Message-ID is known to it by that, as its body tells.
    """
    found = [passage for connection in _carried(analysis) for passage in connection]
    given = {(passage.server, passage.message_id) for passage in found}
    by_body = {
        (p.server, p.content.body_sha256): p.message_id
        for p in found
        if p.content is not None and p.content.text_sha256 != _NO_TEXT
    }

    def original(passage: Passage) -> Passage:
        content, given_here = passage.content, (passage.client, passage.message_id) in given
        if content is None or given_here or (passage.client, content.body_sha256) not in by_body:
            return passage
        return replace(passage, known_as=by_body[passage.client, content.body_sha256])

    return list(map(original, found))


def _carried(analysis: Analysis) -> Iterator[list[Passage]]:
    contents: dict[int, deque[tuple[MailObject, Content | None]]] = {}
    pushing = tuple(connection.number for connection in analysis.connections if connection.transactions)
    for mail in mail_objects(replace(analysis, chosen=pushing), analysis.understanding.decrypted.flows):
        if mail.direction == "to server" and mail.complete:
            content = content_of(mail.octets, (mail.connection, mail.ordinal))
            known = None if stand_alone(mail.octets.partition(b"\r\n\r\n")[0]) else content
            contents.setdefault(mail.connection, deque()).append((mail, known))
    staged = StagedReplies(analysis)
    for connection in analysis.connections:
        if connection.transactions:
            own = contents.get(connection.number, deque())
            yield list(_of_connection(analysis, connection, own, staged))


def _of_connection(
    analysis: Analysis,
    connection: Connection,
    contents: deque[tuple[MailObject, Content | None]],
    staged: StagedReplies,
) -> Iterator[Passage]:
    hearing = Hearing(analysis, connection)
    for transaction in connection.transactions:
        message = transaction.message
        if message is None or message.command is None:
            continue
        frames = message.command.frames
        while contents and frames and contents[0][0].frames[-1:] < frames[:1]:
            contents.popleft()
        carried = contents and frames and contents[0][0].frames[:1] <= frames[-1:]
        content = contents.popleft()[1] if carried else None
        for recipient in transaction.recipients:
            yield _passage(hearing, connection, transaction, recipient, content, staged)


def _passage(
    hearing: Hearing,
    connection: Connection,
    transaction: Transaction,
    recipient: Recipient,
    content: Content | None,
    staged: StagedReplies,
) -> Passage:
    message, reply = transaction.message, recipient.decisive
    assert message is not None
    assert message.command is not None
    began = message.command.time_ns
    heard = reply is not None and bool(reply.code) and reply.whole and hearing.heard(reply)
    ended = reply.time_ns if reply is not None else connection.end_ns
    refused = reply is not None and reply.code[:1] in ("4", "5")
    understood = Answer.TAKEN if recipient.accepted else Answer.REFUSED
    return Passage(
        client=connection.client.label,
        server=connection.server.label,
        sender=transaction.sender.lower(),
        recipient=recipient.address.lower(),
        message_id=transaction.message_id,
        known_as=transaction.message_id,
        content=content,
        answer=understood if heard else Answer.UNHEARD,
        status=reply.status if reply is not None and refused else "",
        promised=recipient.accepted,
        staged=reply is not None and reply in staged,
        silent=not transaction.sender or _forbids_bounces(recipient.parameters),
        in_vain=hearing.server_had_ended(message.command),
        began_ns=began,
        ended_ns=ended,
        frames=message.frames[-1:],
        connection=connection.number,
    )


def _forbids_bounces(parameters: str) -> bool:
    found = next((word[7:] for word in parameters.upper().split() if word.startswith("NOTIFY=")), "FAILURE")
    return "FAILURE" not in found.split(",")
