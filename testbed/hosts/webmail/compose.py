"""Messages written in the web mail: new ones and answers."""

from __future__ import annotations

import textwrap
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses, make_msgid, parseaddr

from msgspec import Struct

from testbed.hosts.webmail.letter import Letter

_MAX_RECIPIENTS = 100
_MAX_QUOTED = 20_000


class Draft(Struct, frozen=True):
    """What the form holds; ``answers`` is the Message-ID answered, ``thread`` those before it (RFC 5322 §3.6.4)."""

    to: str = ""
    subject: str = ""
    body: str = ""
    answers: str = ""
    thread: str = ""


def answer_to(letter: Letter) -> Draft:
    """A draft that answers a message, its text quoted."""
    subject = letter.subject if letter.subject.lower().startswith("re:") else f"Re: {letter.subject}"
    when = f"On {letter.date:%Y-%m-%d %H:%M}, " if letter.date else ""
    quoted = textwrap.indent(letter.text[:_MAX_QUOTED].rstrip(), "> ", lambda line: True)
    body = f"\n\n{when}{letter.sender} wrote:\n{quoted}\n" if letter.text else "\n"
    thread = " ".join(f"{letter.references} {letter.message_id}".split()[-20:])
    return Draft(letter.reply_to or letter.sender, subject, body, letter.message_id, thread)


def compose(draft: Draft, sender: str, date: str, host: str) -> tuple[list[str], bytes]:
    """Recipients and content.  Raises ValueError with a sentence for whoever wrote it."""
    recipients = _recipients(draft.to)
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = _line(sender)
        message["To"] = recipients
        message["Subject"] = _line(draft.subject)
        message["Date"] = date
        message["Message-ID"] = make_msgid(domain=host)
        if draft.answers:
            message["In-Reply-To"] = _line(draft.answers)
            message["References"] = _line(draft.thread)
        message.set_content(draft.body.replace("\r\n", "\n"))
        return [one.addr_spec for one in recipients], message.as_bytes()
    except (ValueError, HeaderParseError, IndexError):
        raise ValueError("This cannot be made a message; look at the addresses and the subject.") from None


def _recipients(text: str) -> list[Address]:
    found = []
    for name, address in getaddresses([_line(text)]):
        local, _, domain = address.rpartition("@")
        if not (local and domain and parseaddr(address)[1] == address):
            raise ValueError(f"'{(address or name or text)[:80]}' is not an address; write bob@someschool.edu")
        try:
            found.append(Address(name, addr_spec=address))
        except (ValueError, HeaderParseError, IndexError):
            raise ValueError(f"'{address[:80]}' is not an address; write bob@someschool.edu") from None
    if not found:
        raise ValueError("Say to whom it goes.")
    if len(found) > _MAX_RECIPIENTS:
        raise ValueError(f"At most {_MAX_RECIPIENTS} recipients at a time.")
    return found


def _line(text: str) -> str:
    """Text of one line that holds no encoded word: the standard library decodes them, line ends in them too."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:2_000]
    return line.replace("=?", "= ?")
