"""What a signature's field says of itself, and the octets it covers (RFC 6376 §3.5, §3.7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, cast, get_args

from msgspec import Struct

from testbed.authentication import canonical, tags
from testbed.authentication.message import Field, Message

Algorithm = Literal["rsa-sha256", "ed25519-sha256", "rsa-sha1"]
_SIGNATURE = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class Claims(Struct, frozen=True):
    """A signature as it was written.

    ``covered`` names the fields under it, in lower case, as often as it does.  ``length`` is how many octets of the
    canonical body it covers; ``None`` is all.  Times are in seconds since 1970.
    """

    domain: str
    selector: str
    algorithm: Algorithm
    signature: bytes
    covered: tuple[str, ...]
    header_form: canonical.Form = "simple"
    body_form: canonical.Form = "simple"
    body_hash: bytes = b""
    length: int | None = None
    identity: str = ""
    signed_at: int | None = None
    expires_at: int | None = None

    @property
    def key_name(self) -> str:
        """Where the key is published."""
        return f"{self.selector}._domainkey.{self.domain}"


def claims(found: dict[str, str], needed: Sequence[str], form: str = "simple/simple") -> Claims:
    """What the tags of a signature say.

    ``needed`` are the tags it must have, ``form`` is the canonical form when c= is unsaid.  Raises
    :class:`~testbed.authentication.tags.Malformed`.
    """
    missing = [tag for tag in needed if tag not in found]
    if missing:
        raise tags.Malformed(f"{missing[0]}= is missing")
    algorithm = _algorithm(found["a"])
    header_form, body_form = _forms(found.get("c", form))
    signed_at, expires_at = _time(found, "t"), _time(found, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise tags.Malformed("it expired before it was made: x= is not after t=")
    domain = tags.without_space(found["d"]).lower()
    return Claims(
        domain,
        tags.without_space(found["s"]),
        algorithm,
        tags.octets_of(found["b"], "b"),
        tuple(name.strip(" \t\r\n").lower() for name in found.get("h", "").split(":")),
        header_form,
        body_form,
        tags.octets_of(found.get("bh", ""), "bh"),
        tags.number(found["l"], "l") if "l" in found else None,
        tags.without_space(found.get("i", "@" + domain)),
        signed_at,
        expires_at,
    )


def _algorithm(text: str) -> Algorithm:
    if text not in get_args(Algorithm):
        raise tags.Malformed(f"nobody knows the algorithm a={text[:30]}")
    return cast(Algorithm, text)


def _forms(text: str) -> tuple[canonical.Form, canonical.Form]:
    header, _, body = text.partition("/")
    known = get_args(canonical.Form)
    if header not in known or (body or "simple") not in known:
        raise tags.Malformed(f"nobody knows the canonical form c={text[:30]}")
    return "relaxed" if header == "relaxed" else "simple", "relaxed" if body == "relaxed" else "simple"


def _time(found: dict[str, str], tag: str) -> int | None:
    return tags.number(found[tag], tag) if tag in found else None


def selected(message: Message, names: Sequence[str]) -> list[Field | None]:
    """The field that each name stands for, from the bottom of the header upwards; ``None`` for none."""
    left: dict[str, list[Field]] = {}
    for field in message.fields:
        left.setdefault(field.name, []).append(field)
    return [left[name].pop() if left.get(name) else None for name in names]


def hashed_header(fields: Sequence[Field | None], own: Field, form: canonical.Form) -> bytes:
    """The octets under a signature: the fields it names, then its own without the value of b= (RFC 6376 §3.7)."""
    parts = [canonical.field(field.octets, form) for field in fields if field is not None]
    name, colon, _ = own.octets.partition(b":")
    unsigned = name + colon + _SIGNATURE.sub(rb"\1", own.value, count=1) + b"\r\n"
    return b"".join(parts) + canonical.field(unsigned, form).removesuffix(b"\r\n")
