"""How an IMAP client says things so that nothing of them can be taken for more commands (RFC 3501 §4.3, §5.1.3)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from msgspec import Struct

_QUOTABLE = re.compile(rb"[\x20-\x7e]*")


class Literal(Struct, frozen=True):
    """Octets of any kind but NUL; the server is told how many, and says when it wants them."""

    octets: bytes


Word = bytes | Literal


def astring(text: str) -> Word:
    """A text as a quoted string, or a literal where it holds line ends or more than ASCII.

    Raises ValueError for what cannot be said in IMAP: NUL, and surrogates.
    """
    octets = text.encode()
    if b"\0" in octets:
        raise ValueError("NUL cannot be said in IMAP")
    if not _QUOTABLE.fullmatch(octets):
        return Literal(octets)
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def mailbox_name(name: str) -> Word:
    """A folder's name, in modified UTF-7.  Raises ValueError as :func:`astring` does."""
    shifted = re.sub("[^\x20-\x7e]+", lambda found: _shifted(found[0]), name.replace("&", "&-"))
    return astring(shifted)


def folder_name(octets: bytes) -> str:
    """The name a server gives to a folder; what is no modified UTF-7 is left as it is."""
    text = octets.decode("utf-8", "replace")
    try:
        return re.sub("&([A-Za-z0-9+,]*)-", lambda found: _unshifted(found[1]), text)
    except ValueError:
        return text


def command(tag: str, *words: Word) -> list[bytes]:
    """The octets of a command, in pieces: behind each but the last, the server must first say that it goes on."""
    pieces = [tag.encode()]
    for word in words:
        if isinstance(word, Literal):
            pieces[-1] += b" {%d}\r\n" % len(word.octets)
            pieces.append(word.octets)
        else:
            pieces[-1] += b" " + word
    pieces[-1] += b"\r\n"
    return pieces


def _shifted(text: str) -> str:
    return "&" + b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def _unshifted(text: str) -> str:
    padded = text.replace(",", "/") + "=" * (-len(text) % 4)
    return b64decode(padded).decode("utf-16-be") if text else "&"
