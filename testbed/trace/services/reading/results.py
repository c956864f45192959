"""What servers of mailboxes tell their readers, as data."""

from __future__ import annotations

from msgspec import Struct

from testbed.trace.model.exchange import Exchange, ServiceResult
from testbed.trace.model.mail import ReadMail


class Part(Struct, frozen=True):
    """Octets of a message that IMAP gave (RFC 3501 §7.4.2).

    ``section`` is what stood in the brackets, in upper case: ``HEADER``, ``TEXT``, ``1.2``, ``""`` for all of it.
    ``offset`` is where a piece of it begins, None where no piece was asked for; ``octets`` is how long it is.
    """

    section: str
    offset: int | None
    octets: int


class Told(Struct, frozen=True):
    """One line of what a mailbox server tells of its messages.

    Of IMAP an untagged response: ``kind`` is its name, ``flags`` are in lower case, and ``words`` what it says where it
    is about no message.  Of POP3 a line of LIST or UIDL: ``words`` are the size or the unique-id.
    """

    kind: str
    number: int = 0
    uid: int | None = None
    size: int | None = None
    flags: frozenset[str] | None = None
    envelope: bool = False
    parts: tuple[Part, ...] = ()
    words: str = ""


class ReadingResult(Struct, ServiceResult, frozen=True):
    """What the reply to one command of POP3 or IMAP says.

    ``code`` is the response code, in upper case and without its brackets (RFC 2449 §8, RFC 3501 §7.1).  ``listed`` is
    how many messages there are, to commands that ask for it: STAT, LIST and UIDL, SELECT and EXAMINE.  ``fetched``
    counts whole messages, ``removed`` those that EXPUNGE took away, ``offers`` are the lines of CAPA, ``found`` the
    numbers SEARCH gave, None where not all are known.  ``told`` has what it told line by line, for who asked for that.
    ``mail`` are the messages that came with it, or were sent with the command, as far as they were.
    """

    code: str = ""
    listed: int | None = None
    fetched: int = 0
    offers: tuple[str, ...] = ()
    found: frozenset[int] | None = None
    removed: int = 0
    told: tuple[Told, ...] = ()
    mail: tuple[ReadMail, ...] = ()

    @property
    def carried(self) -> tuple[ReadMail, ...]:
        """The messages that came with it."""
        return self.mail


_NOTHING = ReadingResult()


def reading_result(exchange: Exchange) -> ReadingResult:
    """The result of an exchange of POP3 or IMAP, an empty one for any other."""
    return exchange.result if isinstance(exchange.result, ReadingResult) else _NOTHING
