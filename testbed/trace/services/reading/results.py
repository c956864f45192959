"""What servers of mailboxes tell their readers, as data."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.trace.model.exchange import Exchange, ServiceResult


@dataclass(frozen=True, slots=True)
class ReadingResult(ServiceResult):
    """What the reply to one command of POP3 or IMAP says.

    ``code`` is the response code, in upper case and without its brackets (RFC 2449 §8, RFC 3501 §7.1).  ``listed`` is
    how many messages there are, to commands that ask for it: STAT, LIST and UIDL, SELECT and EXAMINE.  ``fetched``
    counts whole messages, ``offers`` are the lines of CAPA, ``found`` the numbers SEARCH gave, None where not all are
    known.
    """

    code: str = ""
    listed: int | None = None
    fetched: int = 0
    offers: tuple[str, ...] = ()
    found: frozenset[int] | None = None


_NOTHING = ReadingResult()


def reading_result(exchange: Exchange) -> ReadingResult:
    """The result of an exchange of POP3 or IMAP, an empty one for any other."""
    return exchange.result if isinstance(exchange.result, ReadingResult) else _NOTHING
