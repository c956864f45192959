"""DKIM signatures verified, each by itself: what fits, and what is to blame (RFC 6376, 8301, 8463)."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from testbed.authentication import canonical, keys, tags
from testbed.authentication.lookup import Lookup, look_up
from testbed.authentication.message import Field, Message, parse
from testbed.authentication.signature import Claims, claims, hashed_header, selected

FIELD = "dkim-signature"
MAX_SIGNATURES = 10  # more are not looked at, as RFC 6376 §8.4 advises
_MAX_KEYS = 4
_NEEDED = ("v", "a", "b", "bh", "d", "h", "s")

Result = Literal["pass", "fail", "neutral", "temperror", "permerror"]
Blame = Literal["body", "header", "key", "revoked", "signature", "time", "dns", "number"]


class Verdict(Struct, frozen=True):
    """What became of one signature (RFC 8601 §2.7.1).

    ``fail`` is a signature that can be read and does not fit, or no longer counts; ``permerror`` one without a usable
    key, or that covers what it must not; ``neutral`` one that cannot be read.  ``blame`` is what kept it from passing,
    ``reason`` the sentence that says so.

    ``body_fits`` and ``header_fits`` tell whether the body hash and the signature over the header fit; ``None`` is
    unknown.  ``body_octets`` is how long the canonical body is, of which ``claims.length`` are covered.  ``oversigned``
    names fields that are covered more often than they are there, so that none can be added.
    """

    result: Result
    reason: str
    blame: Blame | None = None
    domain: str = ""
    selector: str = ""
    claims: Claims | None = None
    body_fits: bool | None = None
    header_fits: bool | None = None
    body_octets: int = 0
    key_type: keys.KeyType | None = None
    key_bits: int | None = None
    testing: bool = False
    oversigned: tuple[str, ...] = ()


def verify(octets: bytes, lookup: Lookup, now: int | None = None) -> tuple[Verdict, ...]:
    """Verify all signatures of a message of CRLF lines, from top to bottom.

    ``now`` is when, in seconds since 1970; without it, no signature has expired.
    """
    message = parse(octets)
    fields = message.named(FIELD)
    verdicts = tuple(verify_one(message, field, lookup, now) for field in fields[:MAX_SIGNATURES])
    return verdicts + (_IGNORED,) * (len(fields[:_SHOWN]) - len(verdicts))


_SHOWN = 20
_IGNORED = Verdict("neutral", f"only the first {MAX_SIGNATURES} signatures are looked at", "number")


def verify_one(message: Message, field: Field, lookup: Lookup, now: int | None = None) -> Verdict:
    """Verify one of the signatures of a message."""
    found: dict[str, str] = {}
    try:
        found = tags.parse(field.text)
        if found.get("v", "1") != "1":
            raise tags.Malformed("v= is not 1")
        claimed = claims(found, _NEEDED)
    except tags.Malformed as error:
        domain, selector = _named(found, "d"), _named(found, "s")
        return Verdict("neutral", f"the signature cannot be read: {error}", "signature", domain, selector)
    objection = _objection(claimed)
    if objection:
        return Verdict("permerror", objection, "signature", claimed.domain, claimed.selector, claimed)
    return judged(message, field, claimed, lookup, now)


def _named(found: dict[str, str], tag: str) -> str:
    return tags.without_space(found.get(tag, ""))[:253].lower()


def _objection(claimed: Claims) -> str:
    """What makes a signature void that can be read."""
    if "from" not in claimed.covered:
        return "the signature does not cover From (RFC 6376 §5.4)"
    if claimed.algorithm == "rsa-sha1":
        return "the signature is made with SHA-1, which no longer counts (RFC 8301 §3.1)"
    of = claimed.identity.rpartition("@")[2].lower()
    if of != claimed.domain and not of.endswith("." + claimed.domain):
        return f"i= is of {of[:60] or 'no domain'}, which is not below d={claimed.domain[:60]}"
    return ""


def judged(message: Message, field: Field, claimed: Claims, lookup: Lookup, now: int | None) -> Verdict:
    """A signature that can be read, against body, key, header and time; those of ARC are judged so, too."""
    verdict = _of_body(message, claimed)
    body_fails = verdict.reason
    if verdict.result == "permerror":
        return verdict
    covered = selected(message, claimed.covered)
    there, named = Counter(f.name for f in message.fields), Counter(claimed.covered)
    verdict = replace(verdict, oversigned=tuple(name for name in named if named[name] > there[name]))
    found = usable_keys(claimed, lookup)
    if isinstance(found, Verdict):
        return replace(verdict, result=found.result, reason=found.reason, blame=found.blame)
    hashed = hashed_header(covered, field, claimed.header_form)
    key = next((key for key in found if key.fits(claimed.signature, hashed)), None)
    some = key or found[0]
    verdict = replace(
        verdict, header_fits=key is not None, key_type=some.type, key_bits=some.bits, testing=some.testing
    )
    if body_fails:
        return verdict
    return _of_header(verdict, claimed, some, now)


def _of_body(message: Message, claimed: Claims) -> Verdict:
    """Whether the body hash fits; a reason says that it does not."""
    body = canonical.body(message.body, claimed.body_form)
    verdict = Verdict("pass", "", None, claimed.domain, claimed.selector, claimed, body_octets=len(body))
    if claimed.length is not None and claimed.length > len(body):
        reason = f"the signature covers {claimed.length:,} octets of the body (l=), which has {len(body):,}"
        return replace(verdict, result="permerror", reason=reason, blame="body", body_fits=False)
    if sha256(body[: claimed.length]).digest() == claimed.body_hash:
        return replace(verdict, body_fits=True)
    return replace(
        verdict, result="fail", reason="the body was changed: its hash is not bh=", blame="body", body_fits=False
    )


def _of_header(verdict: Verdict, claimed: Claims, key: keys.PublicKey, now: int | None) -> Verdict:
    """The rest, where the body fits."""
    if not verdict.header_fits:
        reason = (
            "the signature does not fit the header: a field it covers was changed, or the key at "
            f"{claimed.key_name} is not the one it was made with"
        )
        return replace(verdict, result="fail", reason=reason, blame="header")
    if key.strict and claimed.identity.rpartition("@")[2].lower() != claimed.domain:
        reason = "i= is of a subdomain, which the key does not allow (t=s)"
        return replace(verdict, result="permerror", reason=reason, blame="key")
    if now is not None and claimed.expires_at is not None and now > claimed.expires_at:
        reason = f"the signature expired {now - claimed.expires_at:,} seconds ago (x=)"
        return replace(verdict, result="fail", reason=reason, blame="time")
    return replace(verdict, reason=f"the signature of {claimed.domain} fits")


def usable_keys(claimed: Claims, lookup: Lookup) -> list[keys.PublicKey] | Verdict:
    """The keys published for a signature, or why there is none (RFC 6376 §6.1.2)."""
    where = claimed.key_name
    answer = look_up(lookup, where, "TXT")
    if answer.failed:
        return Verdict("temperror", f"DNS does not say what the key at {where} is ({answer.outcome})", "dns")
    if not answer.records:
        return Verdict("permerror", f"no key is published at {where}", "key")
    usable, objections = [], list[Verdict]()
    for record in answer.records[:_MAX_KEYS]:
        try:
            key = keys.published(record)
        except keys.Unusable as error:
            blame: Blame = "revoked" if isinstance(error, keys.Revoked) else "key"
            objections.append(Verdict("permerror", f"the key at {where} {error}", blame))
            continue
        if key.type == claimed.algorithm.partition("-")[0]:
            usable.append(key)
        else:
            reason = f"the key at {where} is of type {key.type}, the signature says a={claimed.algorithm}"
            objections.append(Verdict("permerror", reason, "key"))
    return usable or objections[0]
