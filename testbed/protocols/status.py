"""Status codes in words: SMTP reply codes (RFC 5321 §4.2.3) and enhanced status codes (RFC 3463 and its registry)."""

from __future__ import annotations

import re

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")

_CLASSES = {"2": "success", "4": "temporary", "5": "permanent"}

_POLICY = "refused by policy"

# Subject.detail of an enhanced status code.
_DETAILS = {
    "1.0": "something about the address",
    "1.1": "no such mailbox",
    "1.2": "no such domain",
    "1.3": "bad address syntax",
    "1.4": "address is ambiguous",
    "1.5": "address is valid",
    "1.6": "the mailbox has moved",
    "1.7": "bad sender address syntax",
    "1.8": "no such sender domain",
    "1.10": "the domain accepts no mail",
    "2.0": "something about the mailbox",
    "2.1": "mailbox disabled",
    "2.2": "mailbox full",
    "2.3": "message too long for the mailbox",
    "2.4": "mailing list expansion failed",
    "3.0": "something about the mail system",
    "3.1": "mail system full",
    "3.2": "system accepts no mail now",
    "3.3": "feature not supported",
    "3.4": "message too big",
    "3.5": "system misconfigured",
    "4.0": "something about the network or routing",
    "4.1": "no answer from the host",
    "4.2": "bad connection",
    "4.3": "name server failure",
    "4.4": "no route",
    "4.5": "mail system congestion",
    "4.6": "routing loop",
    "4.7": "delivery time expired",
    "5.0": "something about the protocol",
    "5.1": "command in the wrong place or unknown",
    "5.2": "syntax error",
    "5.3": "too many recipients",
    "5.4": "bad command arguments",
    "5.6": "authentication line too long",
    "6.0": "something about the content",
    "6.6": "content too hard to convert",
    "6.7": "non-ASCII addresses not supported",
    "7.0": _POLICY,
    "7.1": "not authorised",
    "7.8": "wrong credentials",
    "7.10": "encryption needed",
    "7.26": "authentication checks failed",
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


def explain(code: str, enhanced: str = "") -> str:
    """A refusal in words: ``mailbox full (temporary)``.  ``""`` for codes that refuse nothing.

    The first digit of the reply code decides (RFC 5321 §4.2.1), whatever class the enhanced code is of.
    """
    kind = _CLASSES.get(code[:1], "")
    if kind in ("", "success"):
        return ""
    _, _, detail = enhanced.partition(".") if enhanced[:1] != "2" else ("", "", "")
    words = _DETAILS.get(detail, _POLICY if detail.startswith("7.") else "") or _REPLIES.get(code, "refused")
    return f"{words} ({kind})"
