"""Header fields that may go on the way.

What only the last server writes, it removes when others wrote it: Return-Path (RFC 5321 §4.4), a forged
Authentication-Results (RFC 8601 §5), what Exim, Dovecot and SpamAssassin write, and what mbox files need.  Submission
removes a Bcc (RFC 5322 §3.6.3).
"""

from __future__ import annotations

_OF_SERVERS = ("return-path", "authentication-results", "envelope-to", "delivery-date")
_OF_MBOX = ("content-length", "lines", "status", "x-status", "x-uid", "x-uidl", "x-imap", "x-imapbase", "x-keywords")
_MAY_GO = frozenset((*_OF_SERVERS, *_OF_MBOX, "bcc", "resent-bcc"))
_OF_SPAM_FILTERS = "x-spam-"


def may_go(name: str) -> bool:
    """Whether a field, its name in lower case, may be gone or another without anybody having been told to change it."""
    return name in _MAY_GO or name.startswith(_OF_SPAM_FILTERS)
