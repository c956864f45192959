"""The path in MAIL and RCPT (RFC 5321 §4.1.2, RFC 6531 §3.3)."""

from __future__ import annotations

import re

NULL_PATH = "<>"

_ATOM = r'[^\x00-\x20\x7f()<>\[\]:;@\\,".]+'  # RFC 5322's atext, and what is not ASCII (RFC 6531 §3.3)
_DOTTED = rf"{_ATOM}(?:\.{_ATOM})*"
_DOTTY = r'[^\x00-\x20\x7f()<>\[\]:;@\\,"]+'  # dots where they like: some local parts of old are so
_QUOTED = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_LITERAL = r"\[[^\x00-\x20\x7f\[\]\\<>]*\]"
_MAILBOX = rf"({_DOTTY}|{_QUOTED})(?:@({_DOTTED}|{_LITERAL}))?"
_ROUTE = rf"(?:(?:@{_DOTTED},)*@{_DOTTED}:)?"  # accepted and ignored (RFC 5321 §4.1.1.3, appendix C)
_BRACKETED = re.compile(rf"<{_ROUTE}{_MAILBOX}>(.*)")
_BARE = re.compile(rf"{_MAILBOX}(?:\s+(.*))?")
_PLAIN = re.compile(_DOTTED)


def split_path(keyword: str, argument: str) -> tuple[str, str] | None:
    """The address and what stands behind it, of ``FROM:<alice@crepes.fr> SIZE=200`` with the keyword ``FROM``.

    The address is :data:`NULL_PATH` for the null path and ``""`` where there is none; None for a malformed one.
    """
    word, colon, rest = argument.partition(":")
    if not colon or word.upper() != keyword:
        return "", ""
    rest = rest.strip()
    if not rest:
        return "", ""
    if rest.startswith(NULL_PATH):
        return NULL_PATH, rest.removeprefix(NULL_PATH).strip()
    found = (_BRACKETED if rest.startswith("<") else _BARE).fullmatch(rest)
    if found is None:
        return None
    local, domain, behind = found.groups()
    return _unquoted(local) + (f"@{domain}" if domain else ""), (behind or "").strip()


def _unquoted(local: str) -> str:
    """A local part in its shortest form: quotes only where it needs them (RFC 5321 §4.1.2)."""
    if not local.startswith('"'):
        return local
    text = re.sub(r"\\(.)", r"\1", local[1:-1])
    return text if _PLAIN.fullmatch(text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
