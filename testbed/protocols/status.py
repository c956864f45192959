"""Status codes in words: SMTP reply codes (RFC 5321 §4.2.3) and enhanced status codes (RFC 3463 and its registry)."""

from __future__ import annotations

import re

from testbed.protocols.refusals import cause_of

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")

_CLASSES = {"2": "success", "4": "temporary", "5": "permanent"}

# Subject.detail of an enhanced status code, where it names no cause.
_DETAILS = {
    "1.0": "something about the address",
    "1.4": "address is ambiguous",
    "1.5": "address is valid",
    "2.0": "something about the mailbox",
    "2.3": "message too long for the mailbox",
    "2.4": "mailing list expansion failed",
    "3.0": "something about the mail system",
    "3.3": "feature not supported",
    "3.5": "system misconfigured",
    "4.0": "something about the network or routing",
    "4.1": "no answer from the host",
    "4.2": "bad connection",
    "4.4": "no route",
    "5.0": "something about the protocol",
    "5.1": "command in the wrong place or unknown",
    "5.6": "authentication line too long",
    "6.0": "something about the content",
    "6.6": "content too hard to convert",
}

_REPLIES = {
    "421": "service not available, closing",
    "450": "mailbox unavailable for now",
    "451": "error in processing",
    "452": "insufficient storage",
    "454": "temporary failure",
    "455": "parameters cannot be served now",
    "500": "command not recognised",
    "501": "bad arguments",
    "502": "command not implemented",
    "503": "bad sequence of commands",
    "504": "parameter not implemented",
    "521": "host accepts no mail",
    "530": "authentication required",
    "535": "wrong credentials",
    "550": "mailbox unavailable",
    "551": "user not local",
    "552": "storage allocation exceeded",
    "553": "mailbox name not allowed",
    "554": "transaction failed",
    "555": "parameters not recognised",
    "556": "domain accepts no mail",
}


def split_enhanced(text: str) -> tuple[str, str]:
    """The enhanced status code a reply's text begins with, and the rest; the code is ``""`` when there is none."""
    found = _ENHANCED.match(text)
    return (found.group().strip(), text[found.end() :]) if found else ("", text)


def classes_differ(code: str, enhanced: str) -> bool:
    """Whether a reply code and the enhanced code behind it are of two classes (RFC 2034 §4)."""
    return code[:1] in _CLASSES and enhanced != "" and enhanced[0] != code[0]


def explain(code: str, enhanced: str = "", text: str = "") -> str:
    """A refusal in words: ``mailbox full (temporary)``.  ``""`` for codes that refuse nothing.

    ``text`` is what the server said besides, which tells more than its codes do.

    The first digit of the reply code decides (RFC 5321 §4.2.1), whatever class the enhanced code is of.
    """
    kind = _CLASSES.get(code[:1], "")
    if kind in ("", "success"):
        return ""
    cause = cause_of(code, enhanced, text)
    detail = enhanced.partition(".")[2] if enhanced[:1] != "2" else ""
    words = cause.words if cause is not None else _DETAILS.get(detail) or _REPLIES.get(code, "refused")
    return f"{words} ({kind})"
