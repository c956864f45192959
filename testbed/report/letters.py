"""What a connection carried, and what certificate its server showed, in a line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from testbed.protocols.attachments import AttachedFile
from testbed.protocols.text import shortened
from testbed.report.senders import told_senders
from testbed.report.words import octets
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Transaction
from testbed.trace.model.mail import ReadMail
from testbed.trace.tls.certificates import certificate_of

if TYPE_CHECKING:
    from testbed.trace.authentication.judged import Account

_MOST_LETTERS, _MOST_FILES = 3, 3
_LONGEST = 60  # letters of a field


def carried(connection: Connection, *, whole: bool, account: Account | None = None) -> Iterator[str]:
    """A line for the certificate, and for each message what it is and who sent it; ``whole`` for all of them."""
    found = certificate_of(connection.tls.certificate) if connection.tls is not None else None
    if found is not None:
        valid = f"valid {found.not_before[:10]} to {found.not_after[:10]}"
        yield f"certificate of {_short(found.subject)} by {_short(found.issuer)}, {valid}"
    told = [
        told_senders(account, connection.number, place) if isinstance(message, Transaction) else ""
        for place, message in enumerate(connection.messages)
    ]
    shown = [
        (message, by_whom)
        for message, by_whom in zip(connection.messages, told, strict=True)
        if not isinstance(message, Transaction) or message.command or by_whom
    ]
    for message, by_whom in shown if whole else shown[:_MOST_LETTERS]:
        if not isinstance(message, Transaction) or message.command:
            yield _line(message, whole=whole)
        if by_whom:
            yield by_whom
    if not whole and len(shown) > _MOST_LETTERS:
        yield f"… and {len(shown) - _MOST_LETTERS:,} more; -v shows them all"


def _line(message: Transaction | ReadMail, *, whole: bool) -> str:
    letter = message.letter
    none = "no Subject" if letter.headed or message.whole else "Subject not seen"
    subject = f'"{_short(letter.subject)}"' if letter.subject else none
    words = f"{subject} from {_short(letter.author)}" if letter.author else subject
    words += f", {_short(letter.date)}" if letter.date else ""
    files = letter.files if whole else letter.files[:_MOST_FILES]
    more = f" and {len(letter.files) - len(files)} more" if len(letter.files) > len(files) else ""
    return words + (f", with {', '.join(map(_file, files))}{more}" if files else "")


def _file(file: AttachedFile) -> str:
    return f"{_short(file.name) or 'a file without a name'} ({octets(file.octets)})"


def _short(text: str) -> str:
    return shortened(text, _LONGEST)
