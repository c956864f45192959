"""Which signature a change on the way has broken: what of the octets under it is no longer the same (RFC 6376 §3.7)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from testbed.authentication import canonical, tags
from testbed.authentication.dkim import FIELD, MAX_SIGNATURES
from testbed.authentication.message import Message, parse
from testbed.authentication.signature import Claims, claims, selected

_NEEDED = ("a", "b", "bh", "d", "h", "s")


class Damage(Struct, frozen=True):
    """What happened to one signature between two hops.

    ``body`` tells that the octets of the body under it differ, ``fields`` are the fields under it that do, in lower
    case.  ``gone`` tells that the signature itself was taken out or changed.  ``uncovered`` counts octets behind what
    it covers of the body (l=) that were not there before: anybody may have written them.
    """

    domain: str
    selector: str
    body: bool = False
    fields: tuple[str, ...] = ()
    gone: bool = False
    uncovered: int = 0

    @property
    def broken(self) -> bool:
        """Whether a signature that fitted before can no longer do so."""
        return self.body or bool(self.fields)


def damages(before: bytes, after: bytes) -> tuple[Damage, ...]:
    """What became of each signature that can be read, from top to bottom."""
    return tuple(_damages(parse(before), parse(after)))


def _damages(before: Message, after: Message) -> Iterator[Damage]:
    still = {canonical.field(field.octets, "relaxed") for field in after.named(FIELD)}
    exact = {field.octets for field in after.named(FIELD)}
    for field in before.named(FIELD)[:MAX_SIGNATURES]:
        try:
            claimed = claims(tags.parse(field.text), _NEEDED)
        except tags.Malformed:
            continue
        there = exact if claimed.header_form == "simple" else still
        gone = canonical.field(field.octets, claimed.header_form) not in there
        yield Damage(
            claimed.domain,
            claimed.selector,
            _covered(before, claimed) != _covered(after, claimed),
            tuple(_changed(before, after, claimed)),
            gone,
            _uncovered(before, after, claimed),
        )


def _covered(message: Message, claimed: Claims) -> bytes:
    return canonical.body(message.body, claimed.body_form)[: claimed.length]


def _uncovered(before: Message, after: Message, claimed: Claims) -> int:
    if claimed.length is None:
        return 0
    was, now = (len(canonical.body(one.body, claimed.body_form)) for one in (before, after))
    return max(0, now - max(was, claimed.length))


def _changed(before: Message, after: Message, claimed: Claims) -> Iterator[str]:
    one, other = selected(before, claimed.covered), selected(after, claimed.covered)
    told = set[str]()
    for name, was, now in zip(claimed.covered, one, other, strict=True):
        forms = [canonical.field(field.octets, claimed.header_form) if field else None for field in (was, now)]
        if forms[0] != forms[1] and name not in told:
            told.add(name)
            yield name
