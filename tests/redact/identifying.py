"""What identifies somebody in a capture, found by other means than the redactor's: patterns over its octets."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator

from testbed.redact.vocabulary import ROLES, SENTENCES, TOP_DOMAINS

_ADDRESS = re.compile(rb"(?<![\w.+-])([\w+-][\w.+-]*)@((?:[\w-]+\.)+[A-Za-z]{2,})", re.A)
_HOST = re.compile(rb"(?<![\w.-])((?:[A-Za-z][\w-]*\.)+(?:com|net|org|edu|fr|de|example|test))(?![\w-])", re.A)
_SUBJECT = re.compile(rb"^Subject:[ \t]*([^\r\n]+)", re.M | re.I)
_BODY = re.compile(rb"\r\n\r\n((?:[^\r\n]*\r\n){1,400}?)\.\r\n")
_FILE = re.compile(rb"name=\"?([\w-]{4,})\.\w{2,4}\"?", re.I)
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{8,}={0,2}")
_V4 = re.compile(rb"(?<![\w.\xa7])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_NOBODYS = re.compile(rb"(?:127|0|255|22\d|23\d)\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|\d+\.\d+\.\d+\.127\Z")
_WORD = re.compile(rb"[A-Za-z]{4,}")
_LABEL = re.compile(rb"[A-Za-z][A-Za-z0-9]{2,}")
_OF_MIME = re.compile(rb"(?i)content-|mime-version|boundary|charset|^--")
_OFFICES = (b"mail", b"www", b"smtp", b"imap", b"pop3", b"relay", b"webmail", b"autodiscover", b"users", b"_dmarc")


def identifying(octets: bytes) -> set[bytes]:
    """Words, addresses and names, in small letters."""
    found: set[bytes] = set()
    for text in (octets, *_decoded(octets)):
        found |= set(_in_text(text))
    return {word for word in found if word not in SENTENCES and word not in ROLES and word not in TOP_DOMAINS}


def leaks(words: set[bytes], output: bytes) -> set[bytes]:
    """The words of those that an output holds, also encoded."""
    texts = b"\n".join((output, *_decoded(output))).lower()
    present = set(re.findall(rb"[a-z0-9_]+", texts))
    single = {word for word in words if re.fullmatch(rb"[a-z0-9_]+", word)}
    return (single & present) | {word for word in words - single if word in texts}


def _in_text(text: bytes) -> Iterator[bytes]:
    for local, domain in _ADDRESS.findall(text):
        yield (local + b"@" + domain).lower()
        yield from (label.lower() for label in _LABEL.findall(local) if len(label) > 2)
    for host in _HOST.findall(text):
        yield host.lower()
        yield from (
            label.lower() for label in _LABEL.findall(host.rpartition(b".")[0]) if label.lower() not in _OFFICES
        )
    for address in _V4.findall(text):
        if not _NOBODYS.match(address) and all(int(octet) < 256 for octet in address.split(b".")):
            yield address
    for subject in _SUBJECT.findall(text):
        yield from map(bytes.lower, _WORD.findall(quopri.decodestring(subject.replace(b"_", b" "))))
    for body in _BODY.findall(text):
        for line in quopri.decodestring(body).splitlines():
            if not _OF_MIME.search(line):
                yield from (word.lower() for word in _WORD.findall(line) if len(word) > 5)
    yield from map(bytes.lower, _FILE.findall(text))


def _decoded(octets: bytes) -> Iterator[bytes]:
    for code in set(_BASE64.findall(octets)):
        try:
            text = base64.b64decode(code + b"=" * (-len(code) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if all(0x20 <= octet < 0x7F or octet in b"\0\r\n\t\1" for octet in text):
            yield text.replace(b"\0", b" ").replace(b"\1", b" ")
