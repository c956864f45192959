"""What is told of an HTTP message: its target or reason and a few facts, with credentials masked.

Cookies are never told, and of a form nothing but that it held a password, unless somebody asked to see it.
"""

from __future__ import annotations

from testbed.protocols.http import Body, RequestLine, StatusLine, basic_user, form_secrets, shown_target
from testbed.protocols.text import decoded
from testbed.trace.services.credentials import MASK
from testbed.trace.services.http.messages import OCTETS_MISSING, Message

_MOST_VALUE = 120
_IN_CLEAR = frozenset(("basic", "bearer"))  # schemes whose credentials are of use to whoever reads them


def named(message: Message) -> str:
    """A message in a few words."""
    start = message.start
    if isinstance(start, StatusLine):
        return f"{start.code} {start.reason}".strip()
    return f"{start.method} {shown_target(start.target)[0][:_MOST_VALUE]}"


def request_argument(message: Message, *, show: bool) -> tuple[str, list[str]]:
    """The target of a request with facts in parentheses, and where in it credentials were that anybody can use.

    The facts are the version where it is not 1.1, the host where the target does not name it, who authenticates, and
    the type and octets of the body.  ``show`` shows credentials, which are otherwise masked.
    """
    assert isinstance(message.start, RequestLine)
    target, secret = shown_target(message.start.target, show=show)
    facts = [f"HTTP/{message.start.version}"] if message.start.version != "1.1" else []
    host = decoded(message.head.first("host")[:_MOST_VALUE])
    if host and host.lower() not in target.lower().partition("?")[0]:
        facts.append(host)
    secrets = ["in the address"] if secret else []
    for name in ("authorization", "proxy-authorization"):
        scheme, fact = _authorization(message.head.first(name), show=show)
        facts += [fact] if fact else []
        secrets += [f"{name.title()}: {scheme}"] if scheme.lower() in _IN_CLEAR else []
    facts += [", ".join(_content(message))] if message.body and _content(message) else []
    if fields := form_secrets(bytes(message.form)) if message.form else []:
        secrets.append("in a form")
        shown = " ".join(f"{name}={value}" for name, value in fields)
        facts.append(f"form with {shown if show else 'a password'}")
    return f"{target} ({'; '.join(facts)})" if facts else target, secrets


def _authorization(field: bytes, *, show: bool) -> tuple[str, str]:
    """The scheme of credentials (RFC 9110 §11.4), and what to show of them."""
    first, _, value = field.partition(b" ")
    scheme = decoded(first[:40]) if value else ""  # alone, it may be the credentials
    if scheme.lower() == "basic" and (pair := basic_user(value)) is not None:
        return scheme, f"Basic {pair[0]}:{pair[1] if show else MASK}"
    return scheme, f"{scheme} {decoded((value or field)[:_MOST_VALUE]) if show else MASK}".strip() if field else ""


def reply_lines(message: Message, *, switched: bool, show: bool) -> tuple[str, ...]:
    """The reason of a reply, then where it leads, what its body is, or what protocol follows it."""
    assert isinstance(message.start, StatusLine)
    head, lines = message.head, [message.start.reason]
    if location := head.first("location"):
        lines.append(f"to {shown_target(location, show=show)[0]}")
    if switched:
        protocol = decoded(head.first("upgrade")[:_MOST_VALUE]) or "a tunnel"
        lines.append(f"from here on {protocol}, which is not followed")
    elif message.framing is not None and message.framing.body is not Body.NONE:
        lines += _content(message) if message.body or message.start.code[0] == "2" else []
        lines += [decoded(value[:40]) for value in head.values("content-encoding")[:1]]
    return tuple(lines)


def _content(message: Message) -> list[str]:
    """The type of a body, and its size where all of it went by."""
    kind = decoded(message.head.first("content-type")[:_MOST_VALUE]).partition(";")[0].strip()
    to_close = message.framing is not None and message.framing.body is Body.CLOSE
    if message.cut_off or message.trouble == OCTETS_MISSING or (to_close and message.missing):
        return [kind] if kind else []
    size = f"{message.body:,} octet{'s' if message.body != 1 else ''}"
    return [kind, size] if kind else [size]
