"""What mail servers print of their queues: ``mailq`` and its kin, and any other text that names addresses.

=============  ==============================================================
``postqueue``  Postfix, ``postqueue -j``: an object a line (postqueue(1))
``mailq``      Postfix and sendmail, under a heading with ``Sender/Recipient``
``exim``       Exim, ``exim -bp`` (Exim specification, chapter 5, ``-bp``)
``smtpctl``    OpenSMTPD, ``smtpctl show queue``: fields between ``|``
``text``       anything else
=============  ==============================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from msgspec import Struct

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'|=]+@[^\s<>()\[\],;:\"'|=]+")
_MESSAGE_ID = re.compile(r"(?i)message-id\W{1,4}<[^<>\s]*>")
_EMPTY = re.compile(r"(?i)\b(?:is empty|queue empty|no (?:messages|mail)|total requests: 0|0 (?:messages|requests?))\b")
_HEADING = re.compile(r"(?m)^-+ ?Q(?:ueue )?-?ID-.*Sender/Recipient-*\s*$")
_QUEUED = re.compile(r"^(?P<id>[A-Za-z0-9]{5,})(?P<mark>[*!#X?-]?)\s+\(?(?:\d+|job|no)\b.*?\s(?P<sender><[^>]*>|\S+)$")
_EXIM = re.compile(r"^ {0,3}\s*\d+[smhdw]\s+\S+\s+(?P<id>[\w-]{16,32})\s+<(?P<sender>[^>]*)>")
_EXIM_TO = re.compile(r"^ {6,}(?P<done>D )?\s*(?P<to>\S+@\S+)$")
_SMTPCTL = re.compile(r"^[0-9a-f]{16}\|")
_NOBODY = ("MAILER-DAEMON", "<>", "<MAILER-DAEMON>", "@", "")  # the null path, as they print it


class QueueEntry(Struct, frozen=True):
    """A message that waits, for these recipients; ``sender`` is None where the listing does not say.

    Addresses are in lower case; the null path is ``""``.
    """

    sender: str | None
    recipients: tuple[str, ...]


class QueueListing(Struct, frozen=True):
    """What a listing tells.  ``names_all`` says that a recipient it does not name is not in the queue.

    It is not so where it names nobody and does not say that the queue is empty, or has lines nobody understands.
    """

    form: str
    entries: tuple[QueueEntry, ...]
    names_all: bool


def read_listing(output: str) -> QueueListing:
    """Read what a command printed that succeeded; there is no error: what says nothing names nobody."""
    if not output.strip():
        return QueueListing("text", (), True)
    for form, (is_it, read) in _FORMS.items():
        if is_it(output):
            found = list(read(output.splitlines()))
            return QueueListing(form, tuple(entry for entry in found if entry is not None), None not in found)
    if _EMPTY.search(output) and not _ADDRESS.search(output):
        return QueueListing("text", (), True)
    addresses = [address.lower().rstrip(".") for address in _ADDRESS.findall(_MESSAGE_ID.sub("", output))]
    entries = tuple(QueueEntry(None, (address,)) for address in addresses)
    return QueueListing("text", entries, bool(addresses))


def _postqueue(lines: list[str]) -> Iterator[QueueEntry | None]:
    for line in filter(None, map(str.strip, lines)):
        entry = json.loads(line)
        to = tuple(str(one.get("address", "")).lower() for one in entry["recipients"] if isinstance(one, dict))
        yield QueueEntry(_sender(str(entry.get("sender", ""))), to)


def _mailq(lines: list[str]) -> Iterator[QueueEntry | None]:
    """A line with id, size, time and sender; then reasons in parentheses, and recipients, which are indented."""
    sender, waiting = "", False
    recipients: list[str] = []
    for line in lines:
        begun = None if line[:1].isspace() else _QUEUED.match(line.rstrip())
        if begun is not None:
            if waiting:
                yield QueueEntry(sender, tuple(recipients))
            sender, recipients, waiting = _sender(begun["sender"]), [], True
        elif waiting and line[:1].isspace() and not line.strip().startswith("("):
            found = _ADDRESS.fullmatch(line.strip().strip("<>"))
            recipients += [found[0].lower()] if found else []
        elif line.strip() and not line[:1].isspace() and not line.startswith(("-", "(")):
            yield None
    if waiting:
        yield QueueEntry(sender, tuple(recipients))


def _exim(lines: list[str]) -> Iterator[QueueEntry | None]:
    """A line with age, size, id and sender; then a recipient a line, ``D`` before those who have it."""
    sender, waiting = "", False
    recipients: list[str] = []
    for line in lines:
        if (begun := _EXIM.match(line)) is not None:
            if waiting:
                yield QueueEntry(sender, tuple(recipients))
            sender, recipients, waiting = _sender(begun["sender"]), [], True
        elif (to := _EXIM_TO.match(line)) is not None and not to["done"]:
            recipients.append(to["to"].lower())
        elif to is None and line.strip():
            yield None
    if waiting:
        yield QueueEntry(sender, tuple(recipients))


def _smtpctl(lines: list[str]) -> Iterator[QueueEntry | None]:
    """An envelope a line: id, source, kind, flags, sender, recipient and more."""
    for line in lines:
        fields = line.split("|")
        yield QueueEntry(_sender(fields[4]), (fields[5].lower(),)) if len(fields) > 6 else None


def _sender(printed: str) -> str:
    return "" if printed in _NOBODY else printed.strip("<>").lower()


def _is_json(output: str) -> bool:
    try:
        objects = [json.loads(line) for line in output.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return False
    return all(isinstance(one, dict) and isinstance(one.get("recipients"), list) for one in objects)


_FORMS: dict[str, tuple[Callable[[str], object], Callable[[list[str]], Iterator[QueueEntry | None]]]] = {
    "postqueue": (_is_json, _postqueue),
    "mailq": (_HEADING.search, _mailq),
    "exim": (lambda output: _EXIM.match(output.lstrip("\n")), _exim),
    "smtpctl": (_SMTPCTL.match, _smtpctl),
}
