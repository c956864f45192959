"""The messages a connection carried, to be read: header, parts, text, source.  Everything in them is hostile.

HTML is shown as source, never rendered: a report is no mail program, and what a part holds is what matters here.
"""

from __future__ import annotations

import email
import email.policy
from email.message import Message

from msgspec import Struct

from testbed.protocols.mime import content_of, file_name, text_of
from testbed.protocols.text import printable, printable_lines
from testbed.trace.analysis import Analysis
from testbed.trace.mail_objects import MailObject, objects_of
from testbed.trace.model.connection import Connection

MOST_OCTETS = 100_000
"""Of a message that are shown as source."""
_MOST_PARTS = 50
_MOST_TEXT = 20_000


class Part(Struct, frozen=True):
    """A part of a message: ``text`` is what it says where it is text, ``""`` for any other; ``cut`` that it goes on."""

    kind: str
    name: str
    octets: int
    text: str
    cut: bool


class Letter(Struct, frozen=True):
    """A message as it crossed the wire.  ``missing`` counts the octets known not to be there; ``cut`` those not shown.

    ``fields`` are names and values of its header, unfolded.
    """

    command: str
    direction: str
    octets: int
    missing: int
    complete: bool
    frames: tuple[int, ...]
    fields: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    source: str
    cut: int


def letters(analysis: Analysis, connection: Connection) -> tuple[Letter, ...]:
    """The messages of a connection in their order."""
    opened = analysis.understanding.decrypted.flows
    return tuple(map(_letter, objects_of(connection, analysis.understanding, opened)))


def _letter(found: MailObject) -> Letter:
    message = email.message_from_bytes(found.octets[: 4 * MOST_OCTETS], policy=email.policy.compat32)
    source = found.octets[:MOST_OCTETS]
    return Letter(
        command=found.command,
        direction=found.direction,
        octets=len(found.octets),
        missing=found.missing,
        complete=found.complete,
        frames=found.frames,
        fields=tuple((printable(name), _unfolded(value)) for name, value in message.items()),
        parts=tuple(_part(one) for one in list(message.walk())[:_MOST_PARTS] if not one.is_multipart()),
        source=printable_lines(source.decode("utf-8", "backslashreplace")),
        cut=len(found.octets) - len(source),
    )


def _part(part: Message) -> Part:
    kind = part.get_content_type()
    text = text_of(part) if kind.startswith(("text/", "message/")) else ""
    shown, octets = printable_lines(text[:_MOST_TEXT]), len(content_of(part))
    return Part(printable(kind), file_name(part), octets, shown, len(text) > _MOST_TEXT)


def _unfolded(value: object) -> str:
    return printable(" ".join(str(value).split()))
