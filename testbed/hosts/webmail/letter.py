"""A message as the web mail shows it.  Everything in it is hostile.

HTML is cleaned by nh3 (ammonia) with a short list of what may stay: no script, no style, no form, nothing that would be
fetched from elsewhere.  The page's Content-Security-Policy forbids the same again.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from urllib.parse import quote

import nh3
from msgspec import Struct

from testbed.hosts.webmail.mailbox import date_of, header
from testbed.protocols.mime import content_of, file_name, text_of

_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "hr", "i", "img", "ins", "li", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub"),
    *("sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"),
}
_SPANS = {"colspan", "rowspan"}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"alt", "src"}, "td": _SPANS, "th": _SPANS}
_GONE_WITH_CONTENT = {"script", "style", "title", "head", "noscript", "template", "iframe", "object", "svg", "math"}
_PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
_MAX_TEXT = 1_000_000
_MAX_PARTS = 500


class Download(Struct, frozen=True):
    """A part to be downloaded; ``number`` is its place among the parts of the message."""

    number: int
    name: str
    kind: str
    octets: int


class Letter(Struct, frozen=True):
    """``text`` is plain; ``html`` is clean, ``""`` when there is none; ``blocked`` counts pictures not fetched."""

    sender: str
    to: str
    copies: str
    subject: str
    date: datetime | None
    message_id: str
    references: str
    reply_to: str
    text: str
    html: str
    blocked: int
    attachments: tuple[Download, ...]


class MimePart(Struct, frozen=True):
    """The content of a part; ``picture`` when it may be shown in the page."""

    name: str
    kind: str
    content: bytes
    picture: bool


def parse(content: bytes) -> EmailMessage:
    """A message from its octets; there is nothing that is none."""
    return email.message_from_bytes(content, policy=email.policy.default)


def letter(message: EmailMessage, link: str) -> Letter:
    """What to show.  ``link`` and the number of a part behind it lead to its content."""
    parts = _parts(message)
    text, html = "", ""
    attachments, pictures = [], dict[str, str]()
    for number, part in enumerate(parts):
        kind, name = part.get_content_type(), file_name(part)
        attached = part.get_content_disposition() == "attachment" or bool(name)
        if kind == "text/plain" and not attached and not text:
            text = text_of(part, _MAX_TEXT)
        elif kind == "text/html" and not attached and not html:
            html = text_of(part, _MAX_TEXT)
        else:
            octets = len(content_of(part))
            attachments.append(Download(number, name or f"part-{number + 1}", kind, octets))
            identifier = header(part, "Content-ID").strip("<> ")
            if identifier and kind in _PICTURES:
                pictures[identifier] = f"{link}{number}"
    clean, blocked = _clean(html, pictures)
    return Letter(
        header(message, "From"),
        header(message, "To"),
        header(message, "Cc"),
        header(message, "Subject"),
        date_of(message),
        header(message, "Message-ID"),
        header(message, "References"),
        header(message, "Reply-To"),
        text,
        clean,
        blocked,
        tuple(attachments),
    )


def part(message: EmailMessage, number: int) -> MimePart | None:
    """One part by its number, None when there is none."""
    parts = _parts(message)
    if not 0 <= number < len(parts):
        return None
    kind = parts[number].get_content_type()
    return MimePart(
        file_name(parts[number]) or f"part-{number + 1}", kind, content_of(parts[number]), kind in _PICTURES
    )


def disposition(name: str) -> str:
    """A Content-Disposition that makes browsers save under a name, whatever is in the name (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "attachment"
    return f"attachment; filename=\"{plain[:100]}\"; filename*=UTF-8''{quote(name[:200], safe='')}"


def _parts(message: EmailMessage) -> list[EmailMessage]:
    found: list[EmailMessage] = []
    for one in message.walk():
        if len(found) == _MAX_PARTS:
            break
        if isinstance(one, EmailMessage) and not one.is_multipart():
            found.append(one)
    return found


def _clean(html: str, pictures: Mapping[str, str]) -> tuple[str, int]:
    """The HTML that may be shown, and how many pictures were left out."""
    blocked = 0

    def keep(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if (tag, attribute) != ("img", "src"):
            return value
        own = pictures.get(value.strip().removeprefix("cid:")) if value.strip().startswith("cid:") else None
        blocked += own is None
        return own

    clean = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_GONE_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "cid"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return clean, blocked
