"""Why servers refuse: the causes, in words, each with the place that defines it."""

from __future__ import annotations

from msgspec import Struct


class Cause(Struct, frozen=True):
    """Why a server refused.  ``name`` is stable; ``words`` fit behind a colon; ``reference`` is an RFC's section."""

    name: str
    words: str
    reference: str


class Phrase(Struct, frozen=True):
    """What a server says, in lower case, and what it means by that.

    Where ``words`` hold " … ", its parts come in this order with anything between them.  ``source`` is where such a
    reply is documented.  ``needs`` is what the reply code (``4``, ``550``) or the enhanced code begins with (``5.7.``).
    """

    words: str
    cause: Cause
    source: str
    needs: str = ""


USER_UNKNOWN = Cause("user-unknown", "no such mailbox", "RFC 3463 X.1.1")
DOMAIN_UNKNOWN = Cause("domain-unknown", "no such domain", "RFC 3463 X.1.2")
ADDRESS_SYNTAX = Cause("address-syntax", "bad address syntax", "RFC 3463 X.1.3")
MAILBOX_MOVED = Cause("mailbox-moved", "the mailbox has moved", "RFC 3463 X.1.6")
SENDER_SYNTAX = Cause("sender-syntax", "bad sender address syntax", "RFC 3463 X.1.7")
SENDER_DOMAIN = Cause("sender-domain-unknown", "no such sender domain", "RFC 3463 X.1.8")
SENDER_UNVERIFIED = Cause("sender-unverified", "the sender's address accepts no mail itself", "RFC 3463 X.1.8")
NULL_MX = Cause("domain-takes-no-mail", "the domain accepts no mail", "RFC 7505 §4.2")
MAILBOX_DISABLED = Cause("mailbox-disabled", "mailbox disabled", "RFC 3463 X.2.1")
MAILBOX_FULL = Cause("mailbox-full", "mailbox full", "RFC 3463 X.2.2")
TOO_BIG = Cause("message-too-big", "message too big", "RFC 3463 X.3.4")
DISK_FULL = Cause("disk-full", "mail system full", "RFC 3463 X.3.1")
CLOSED = Cause("takes-no-mail-now", "system accepts no mail now", "RFC 3463 X.3.2")
LOCAL_ERROR = Cause("server-error", "a problem of the server's own", "RFC 3463 X.3.0")
NAME_SERVER = Cause("name-server-failure", "name server failure", "RFC 3463 X.4.3")
NEXT_HOP = Cause("next-hop-unreachable", "the next server cannot be reached", "RFC 3463 X.4.1")
CONGESTED = Cause("congested", "mail system congestion", "RFC 3463 X.4.5")
MAIL_LOOP = Cause("mail-loop", "routing loop", "RFC 3463 X.4.6")
EXPIRED = Cause("delivery-expired", "delivery time expired", "RFC 3463 X.4.7")
IDLE = Cause("idle-timeout", "the client was silent for too long", "RFC 5321 §4.5.3.2.7")
BAD_SEQUENCE = Cause("bad-sequence", "command in the wrong place", "RFC 5321 §4.1.4")
COMMAND_UNKNOWN = Cause("command-unknown", "command unknown, or not offered", "RFC 5321 §4.2.4")
SYNTAX = Cause("syntax-error", "syntax error", "RFC 3463 X.5.2")
ARGUMENTS = Cause("bad-arguments", "bad command arguments", "RFC 3463 X.5.4")
TOO_MANY_RECIPIENTS = Cause("too-many-recipients", "too many recipients", "RFC 3463 X.5.3")
TOO_MANY_ERRORS = Cause("too-many-errors", "too many errors in one session", "RFC 5321 §4.3.2")
SPOKE_EARLY = Cause("spoke-early", "the client did not wait for a reply", "RFC 5321 §4.3.1")
BARE_LINE_FEED = Cause("bare-line-feed", "a line of the message does not end with CRLF", "RFC 5321 §2.3.8")
MALFORMED = Cause("message-malformed", "the message is malformed", "RFC 5322 §3.6")
NO_SMTPUTF8 = Cause("smtputf8-unsupported", "non-ASCII addresses not supported", "RFC 6531 §3.5")
POLICY = Cause("policy", "refused by policy", "RFC 3463 X.7.0")
NOT_AUTHORISED = Cause("not-authorised", "not authorised", "RFC 3463 X.7.1")
RELAYING = Cause("relaying-denied", "relaying denied", "RFC 3463 X.7.1")
NOT_OWN_SENDER = Cause("sender-not-allowed", "this client may not send as this sender", "RFC 6409 §6.1")
WRONG_CREDENTIALS = Cause("wrong-credentials", "wrong credentials", "RFC 4954 §6")
AUTH_REQUIRED = Cause("authentication-required", "authentication required", "RFC 4954 §6")
AUTH_FAILS = Cause("authentication-unavailable", "authentication temporarily unavailable", "RFC 4954 §6")
TLS_REQUIRED = Cause("encryption-needed", "encryption needed", "RFC 3207 §4")
NO_TLS = Cause("tls-unavailable", "TLS temporarily unavailable", "RFC 3207 §4")
GREYLISTED = Cause("greylisted", "greylisted: a later retry gets through", "RFC 6647 §2")
BLOCK_LISTED = Cause("block-listed", "the client is on a DNS block list", "RFC 5782 §2")
LIST_UNUSABLE = Cause("block-list-unusable", "the block list refuses this server's queries", "RFC 6471 §3.4")
BLOCKED = Cause("sender-blocked", "the client's address or sender is blocked", "RFC 3463 X.7.1")
RATE_LIMITED = Cause("rate-limited", "too much mail in too short a time", "RFC 3463 X.7.0")
TOO_MANY_CONNECTIONS = Cause("too-many-connections", "too many connections", "RFC 3463 X.4.5")
UNAUTHENTICATED = Cause("sender-unauthenticated", "the sender's domain is not authenticated", "RFC 7372 §3.3")
SPF = Cause("spf-failed", "SPF: the client may not send for this domain", "RFC 7372 §3.2")
DKIM = Cause("dkim-failed", "DKIM: no signature passed", "RFC 7372 §3.1")
DMARC = Cause("dmarc-failed", "DMARC: the sender's domain asks receivers to refuse this", "RFC 7489 §10.3")
NO_REVERSE_DNS = Cause("no-reverse-dns", "the client's address has no proper name in DNS", "RFC 7372 §3.4")
BAD_HELLO = Cause("bad-hello", "the name in EHLO or HELO is not acceptable", "RFC 5321 §4.1.4")
SPAM = Cause("spam", "taken for spam", "RFC 3463 X.7.0")
VIRUS = Cause("virus", "taken for a virus", "RFC 3463 X.6.0")
ATTACHMENT = Cause("attachment-refused", "an attachment of a kind that is not accepted", "RFC 3463 X.6.1")

BY_DETAIL = {
    "1.1": USER_UNKNOWN,
    "1.2": DOMAIN_UNKNOWN,
    "1.3": ADDRESS_SYNTAX,
    "1.6": MAILBOX_MOVED,
    "1.7": SENDER_SYNTAX,
    "1.8": SENDER_DOMAIN,
    "1.10": NULL_MX,
    "2.1": MAILBOX_DISABLED,
    "2.2": MAILBOX_FULL,
    "3.1": DISK_FULL,
    "3.2": CLOSED,
    "3.4": TOO_BIG,
    "4.3": NAME_SERVER,
    "4.5": CONGESTED,
    "4.6": MAIL_LOOP,
    "4.7": EXPIRED,
    "5.2": SYNTAX,
    "5.3": TOO_MANY_RECIPIENTS,
    "5.4": ARGUMENTS,
    "6.7": NO_SMTPUTF8,
    "7.0": POLICY,
    "7.1": NOT_AUTHORISED,
    "7.8": WRONG_CREDENTIALS,
    "7.10": TLS_REQUIRED,
    "7.11": TLS_REQUIRED,
    "7.20": DKIM,
    "7.21": DKIM,
    "7.22": DKIM,
    "7.23": SPF,
    "7.24": SPF,
    "7.25": NO_REVERSE_DNS,
    "7.26": UNAUTHENTICATED,
    "7.27": NULL_MX,
    "7.28": RATE_LIMITED,
}
"""What a detail of the registry says when the server's words say no more (RFC 3463, 7372, 7505, and the registry)."""
