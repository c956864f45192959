"""The Received header a server puts on top of each message (RFC 5321 §4.4)."""

from __future__ import annotations

from aiosmtpd.smtp import Session

from testbed.hosts.site import Site


def received(site: Site, session: Session, recipients: list[str], queue_id: str = "") -> bytes:
    """One folded header line with CRLF.  The recipient is named only when there is just one (privacy of Bcc)."""
    peer = peer_address(session)
    literal = f"IPv6:{peer}" if ":" in peer else peer
    protocol = "ESMTP" if session.extended_smtp else "SMTP"
    protocol += "S" if session.ssl else ""  # RFC 3848
    protocol += "A" if session.authenticated else ""
    client = _printable(session.host_name or "unknown")
    identity = f" id {queue_id}" if queue_id else ""
    for_whom = f"\r\n\tfor <{_printable(recipients[0])}>" if len(recipients) == 1 else ""
    return (
        f"Received: from {client} ([{literal}])\r\n"
        f"\tby {site.name} with {protocol}{identity}{for_whom};\r\n"
        f"\t{site.date()}\r\n"
    ).encode()


def peer_address(session: Session) -> str:
    """The address a session comes from."""
    return str(session.peer[0]) if session.peer else ""


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())
