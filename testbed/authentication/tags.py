"""Lists of ``tag=value``, as signatures and records of DKIM, ARC and DMARC are written (RFC 6376 §3.2)."""

from __future__ import annotations

import base64
import binascii
import re

MAX_TAGS = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_SPACE = re.compile(r"[ \t\r\n]+")


class Malformed(Exception):
    """What is wrong with a list of tags, as the end of a sentence."""


def parse(text: str) -> dict[str, str]:
    """Tags and values, white space around both taken off; raises :class:`Malformed`."""
    tags: dict[str, str] = {}
    parts = text.split(";", MAX_TAGS + 1)
    if len(parts) > MAX_TAGS + 1:
        raise Malformed(f"it has more than {MAX_TAGS} tags")
    if not parts[-1].strip(" \t\r\n"):
        parts.pop()
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip(" \t\r\n")
        if not equals or not _NAME.match(name):
            raise Malformed(f"'{_shown(part)}' is not a tag with a value")
        if name in tags:
            raise Malformed(f"the tag {name}= stands twice in it")
        tags[name] = value.strip(" \t\r\n")
    return tags


def without_space(value: str) -> str:
    """A value whose folds and spaces mean nothing (FWS)."""
    return _SPACE.sub("", value)


def octets_of(value: str, tag: str) -> bytes:
    """What a value in base64 holds; raises :class:`Malformed`."""
    try:
        return base64.b64decode(without_space(value).encode("ascii"), validate=True)
    except (UnicodeError, binascii.Error):
        raise Malformed(f"{tag}= is not base64") from None


def number(value: str, tag: str) -> int:
    """A whole number of at most eighteen digits; raises :class:`Malformed`."""
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Malformed(f"{tag}= is not a number")
    return int(value)


def _shown(part: str) -> str:
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in part.strip())[:40]
