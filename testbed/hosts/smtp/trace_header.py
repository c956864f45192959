"""The Received header a server puts on top of each message (RFC 5321 §4.4)."""

from __future__ import annotations

import re

from aiosmtpd.smtp import Session

from testbed.hosts.envelope import EsmtpEnvelope
from testbed.hosts.site import Site

_RECEIVED = re.compile(rb"^received[ \t]*:", re.I | re.M)


def received(site: Site, session: Session, envelope: EsmtpEnvelope, queue_id: str = "") -> bytes:
    """One folded header line with CRLF, UTF-8 for a message sent with SMTPUTF8 (RFC 6531 §3.7.3).

    The recipient is named only when there is just one (privacy of Bcc).
    """
    peer = peer_address(session)
    literal = f"IPv6:{peer}" if ":" in peer else peer
    kind = "LMTP" if envelope.by_lmtp else "SMTP"
    extended = "UTF8" if envelope.smtp_utf8 is True else "E" if session.extended_smtp and not envelope.by_lmtp else ""
    secured = ("S" if session.ssl else "") + ("A" if session.authenticated else "")
    protocol = extended + kind + secured  # RFC 3848, RFC 6531 §4.3
    client = "".join(c for c in _printable(session.host_name or "unknown") if c.isascii())
    identity = f" id {queue_id}" if queue_id else ""
    for_whom = f"\r\n\tfor <{_printable(envelope.rcpt_tos[0])}>" if len(envelope.rcpt_tos) == 1 else ""
    return (
        f"Received: from {client} ([{literal}])\r\n"
        f"\tby {site.name} with {protocol}{identity}{for_whom};\r\n"
        f"\t{site.date()}\r\n"
    ).encode()


def hops(message: bytes) -> int:
    """How many servers a message has passed: its Received fields (RFC 5321 §6.3)."""
    head = message.partition(b"\r\n\r\n")[0]
    return len(_RECEIVED.findall(head))


def peer_address(session: Session) -> str:
    """The address a session comes from."""
    return str(session.peer[0]) if session.peer else ""


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())
