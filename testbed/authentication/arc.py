"""The chain of hands that a message went through: ARC verified and continued (RFC 8617)."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, cast

from msgspec import Struct

from testbed.authentication import canonical, tags
from testbed.authentication.dkim import Verdict, judged, usable_keys
from testbed.authentication.keys import SigningKey
from testbed.authentication.lookup import Lookup
from testbed.authentication.message import Field, Message, parse
from testbed.authentication.signature import claims, hashed_header
from testbed.authentication.signing import COVERED, signed_field

RESULTS, SIGNATURE, SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
MAX_SETS = 50  # RFC 8617 §4.2.1
_NAMES = (RESULTS, SIGNATURE, SEAL)  # the order in which seals cover them (§5.1.1)
_INSTANCE = re.compile(r"\s*i\s*=\s*(\d{1,4})\s*;")
_OF_SIGNATURE = ("i", "a", "b", "bh", "d", "h", "s")
_OF_SEAL = ("i", "a", "b", "cv", "d", "s")

Result = Literal["none", "pass", "fail", "temperror"]
Status = Literal["none", "pass", "fail"]


class Set(Struct, frozen=True):
    """One hand's three fields: ``results`` are what it found, ``status`` what it says of the chain (cv=)."""

    instance: int
    domain: str
    status: Status
    results: str


class Chain(Struct, frozen=True):
    """What became of a chain.  ``sets`` begin with the first hand; ``broken_at`` is the instance whose fields fail."""

    result: Result
    reason: str
    sets: tuple[Set, ...] = ()
    broken_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Broken(Exception):
    reason: str
    at: int | None = None
    result: Result = "fail"


def verify(octets: bytes, lookup: Lookup, now: int | None = None) -> Chain:
    """Verify the chain of a message of CRLF lines (RFC 8617 §5.2)."""
    message = parse(octets)
    sets: tuple[Set, ...] = ()
    try:
        fields = _sets(message)
        if not fields:
            return Chain("none", "the message has no ARC sets")
        sets = tuple(_read(instance, *fields[instance - 1]) for instance in range(1, len(fields) + 1))
        _look_at_statuses(sets)
        _check_signature(message, fields[-1][1], len(fields), lookup, now)
        for instance in range(len(fields), 0, -1):
            _check_seal(fields, instance, lookup)
    except _Broken as broken:
        return Chain(broken.result, broken.reason, sets, broken.at)
    return Chain("pass", f"all seals of the chain fit, the last one is of {sets[-1].domain}", sets)


def _sets(message: Message) -> list[tuple[Field, Field, Field]]:
    """The fields of each instance, in the order of :data:`_NAMES`, or :class:`_Broken` (§5.2, step 3)."""
    found: dict[tuple[int, str], Field] = {}
    for name in _NAMES:
        for field in message.named(name):
            instance = _instance(field)
            if instance is None or not 1 <= instance <= MAX_SETS:
                raise _Broken(f"an {_spelt(name)} has no instance (i=) from 1 to {MAX_SETS}")
            if (instance, name) in found:
                raise _Broken(f"two {_spelt(name)} say i={instance}", instance)
            found[instance, name] = field
    last = max((instance for instance, _ in found), default=0)
    for instance in range(1, last + 1):
        for name in _NAMES:
            if (instance, name) not in found:
                raise _Broken(f"the set i={instance} has no {_spelt(name)}", instance)
    return [(found[i, RESULTS], found[i, SIGNATURE], found[i, SEAL]) for i in range(1, last + 1)]


def _instance(field: Field) -> int | None:
    text = field.text
    if field.name == RESULTS:
        match = _INSTANCE.match(text)
        return int(match[1]) if match else None
    try:
        return tags.number(tags.parse(text).get("i", ""), "i")
    except tags.Malformed:
        return None


def _read(instance: int, results: Field, _: Field, seal: Field) -> Set:
    try:
        found = tags.parse(seal.text)
        if "h" in found:
            raise tags.Malformed("it has h=, which seals must not have")
        claimed = claims(found, _OF_SEAL)
        if found["cv"] not in ("none", "pass", "fail"):
            raise tags.Malformed(f"nobody knows cv={found['cv'][:20]}")
    except tags.Malformed as error:
        raise _Broken(f"the seal i={instance} cannot be read: {error}", instance) from None
    return Set(instance, claimed.domain, cast(Status, found["cv"]), _INSTANCE.sub("", results.text, count=1).strip())


def _look_at_statuses(sets: tuple[Set, ...]) -> None:
    if sets[-1].status == "fail":
        raise _Broken(f"{sets[-1].domain} found the chain broken, and said so (cv=fail)", sets[-1].instance)
    for one in sets:
        if one.status != ("none" if one.instance == 1 else "pass"):
            raise _Broken(f"the seal i={one.instance} says cv={one.status}, which it cannot", one.instance)


def _check_signature(message: Message, field: Field, instance: int, lookup: Lookup, now: int | None) -> None:
    try:
        claimed = claims(tags.parse(field.text), _OF_SIGNATURE, "simple/simple")
    except tags.Malformed as error:
        raise _Broken(f"the signature i={instance} cannot be read: {error}", instance) from None
    if SEAL in claimed.covered:
        raise _Broken(f"the signature i={instance} covers a seal, which it must not", instance)
    if claimed.algorithm == "rsa-sha1":
        raise _Broken(f"the signature i={instance} is made with SHA-1, which no longer counts", instance)
    _demand(judged(message, field, claimed, lookup, now), f"the set i={instance}", instance)


def _check_seal(fields: list[tuple[Field, Field, Field]], instance: int, lookup: Lookup) -> None:
    seal = fields[instance - 1][2]
    claimed = claims(tags.parse(seal.text), _OF_SEAL)
    if claimed.algorithm == "rsa-sha1":
        raise _Broken(f"the seal i={instance} is made with SHA-1, which no longer counts", instance)
    found = usable_keys(claimed, lookup)
    if isinstance(found, Verdict):
        _demand(found, f"the seal i={instance}", instance)
        return
    covered = [field for one in fields[:instance] for field in one][:-1]
    hashed = hashed_header(covered, seal, "relaxed")
    if not any(key.fits(claimed.signature, hashed) for key in found):
        reason = f"the seal i={instance} of {claimed.domain} does not fit: a field of the chain was changed"
        raise _Broken(reason, instance)


def _demand(verdict: Verdict, what: str, instance: int) -> None:
    if verdict.result != "pass":
        result: Result = "temperror" if verdict.result == "temperror" else "fail"
        raise _Broken(f"{what}: {verdict.reason}", instance, result)


def seal(
    octets: bytes,
    chain: Chain,
    results: str,
    key: SigningKey,
    domain: str,
    selector: str,
    *,
    now: int | None = None,
) -> bytes:
    """The next set of a message, three fields with CRLF to stand above it (RFC 8617 §5.1).

    ``chain`` is what :func:`verify` found in the message as it came, ``octets`` the message as it goes on,
    ``results`` the value of Authentication-Results for it.  A chain that is broken for good gets no further set:
    ``b""``.
    """
    if len(chain.sets) >= MAX_SETS or (chain.sets and chain.sets[-1].status == "fail"):
        return b""
    instance = len(chain.sets) + 1
    status: Status = "none" if chain.result == "none" else "pass" if chain.result == "pass" else "fail"
    message = parse(octets)
    first = Field(f"ARC-Authentication-Results: i={instance}; {results}\r\n".encode("latin-1", "replace"))
    signed = [field.name for name in (*COVERED, "dkim-signature") for field in message.named(name)]
    values = _values(instance, key, domain, selector, now)
    body_hash = b64encode(sha256(canonical.body(message.body, "relaxed")).digest()).decode()
    of_message = {**values, "c": "relaxed/relaxed", "h": ":".join(signed), "bh": body_hash}
    second = Field(signed_field("ARC-Message-Signature", of_message, message, signed, key, "relaxed"))
    before = [] if status == "fail" else [field for one in _sets(message) for field in one]
    covered = [*before, first, second]
    third = _seal_field({**values, "cv": status}, covered, key)
    return third + second.octets + first.octets


def _values(instance: int, key: SigningKey, domain: str, selector: str, now: int | None) -> dict[str, str]:
    time = "" if now is None else str(now)
    return {"i": str(instance), "a": f"{key.type}-sha256", "d": domain, "s": selector, "t": time}


def _seal_field(values: dict[str, str], covered: list[Field], key: SigningKey) -> bytes:
    """A seal covers the fields before it in the order of the chain, not as they stand in the header."""
    # Of fields with one name the lowest is taken first: so the first set stands at the bottom here.
    message = Message(tuple(reversed(covered)), b"")
    return signed_field("ARC-Seal", values, message, [field.name for field in covered], key, "relaxed")


def _spelt(name: str) -> str:
    return {RESULTS: "ARC-Authentication-Results", SIGNATURE: "ARC-Message-Signature", SEAL: "ARC-Seal"}[name]
