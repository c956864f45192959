"""The old mail that fills a mailbox: letters of a header, and of lines that mean nothing."""

from __future__ import annotations

_MOST = 10_000_000  # octets of a letter
_LINE = b"x" * 70 + b"\r\n"


def sizes(octets: int) -> list[int]:
    """So many octets as letters of about one size."""
    letters = -(-octets // _MOST)
    return [octets // letters + (number < octets % letters) for number in range(letters)]


def header(address: str, number: int, date: str, octets: int) -> bytes:
    """The header of one letter, counted from 1, that is to have so many octets in all if the header has no more."""
    name = f"filler-{number}" if number > 1 else "filler"
    text = (
        f"From: archive@{address.partition('@')[2]}\r\nTo: {address}\r\nDate: {date}\r\n"
        f"Subject: Old mail that fills this mailbox\r\nMessage-ID: <{name}@{address}>\r\n\r\n"
    ).encode()
    # No line has one octet.
    return text.replace(b"Subject: ", b"Subject:  ") if octets == len(text) + 1 else text


def lines(octets: int) -> bytes:
    """So many octets of lines; one alone is none."""
    text = (_LINE * (octets // len(_LINE) + 1))[len(_LINE) - octets % len(_LINE) :]
    return text.replace(b"\n", b"x", 1) if text.startswith(b"\n") else text
