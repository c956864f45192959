"""The field Authentication-Results, written and read (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from testbed.authentication.comments import without_comments
from testbed.authentication.message import Field, Message

FIELD = "authentication-results"
_MAX_VALUE = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~@/:-]+\Z")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_PAIR = re.compile(r'([A-Za-z0-9._-]+)(?:\s*/\s*\d+)?\s*=\s*("(?:[^"\\]|\\.)*"?|[^\s;"]+)')


class Result(Struct, frozen=True):
    """One method's result; ``properties`` are by ``ptype.property``, as ``smtp.mailfrom``."""

    method: str
    result: str
    properties: dict[str, str] = field(default_factory=dict)
    comment: str = ""


def value(server: str, results: Iterable[Result]) -> str:
    """The field's value: who checked, then each result."""
    return ";\r\n  ".join(
        [server, *(_shown(result) for result in results)] if (results := tuple(results)) else [server, "none"]
    )


def written(server: str, results: Iterable[Result]) -> bytes:
    """The whole field, with its CRLF, to stand above the message."""
    return f"Authentication-Results: {value(server, results)}\r\n".encode("utf-8", "replace")


def _shown(result: Result) -> str:
    comment = re.sub(r'[()\\"]', "'", "".join(c if c.isprintable() else "?" for c in result.comment))
    said = [f"{name}={_value(text)}" for name, text in result.properties.items() if text]
    return " ".join([f"{result.method}={result.result}", *([f"({comment})\r\n   "] if comment else []), *said])


def _value(text: str) -> str:
    text = "".join(c if c.isprintable() else "?" for c in text)[:320]
    if _TOKEN.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(octets: bytes | str) -> tuple[str, tuple[Result, ...]]:
    """Who checked, and what it found, from the field's value; of what cannot be read, nothing.

    Lenient as readers must be: large receivers leave out the name of the server, or the type of a property.
    """
    text = octets if isinstance(octets, str) else octets.decode("utf-8", "replace")
    parts = [part.strip() for part in _split(without_comments(text[:_MAX_VALUE]))]
    server = ""
    if parts and "=" not in parts[0]:
        server = _unquoted(parts.pop(0).split()[0]) if parts[0] else parts.pop(0)
    return server.lower(), tuple(result for part in parts[:100] for result in _read(part))


def _read(part: str) -> Iterator[Result]:
    pairs = _PAIR.findall(part)
    if pairs:
        (method, result), *rest = pairs
        yield Result(method.lower(), result.lower(), {name.lower(): _unquoted(text) for name, text in rest[:50]})


def _split(text: str) -> list[str]:
    """At semicolons that stand in no quotes."""
    return _QUOTED.sub(lambda quoted: quoted[0].replace(";", "\0"), text).split(";")


def _unquoted(text: str) -> str:
    text = text.replace("\0", ";")
    return re.sub(r"\\(.)", r"\1", text[1:].removesuffix('"')) if text.startswith('"') else text


def said_by(server: str, message: Message) -> tuple[Field, ...]:
    """The fields of a message that claim to be this server's own: forged in mail from strangers (RFC 8601 §5)."""
    return tuple(one for one in message.named(FIELD) if read(one.value)[0] == server.lower())
