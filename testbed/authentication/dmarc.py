"""Does what was authenticated belong to the author?  DMARC as RFC 9989 has it, which replaces RFC 7489."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from testbed.authentication import dkim, spf
from testbed.authentication.author import Author
from testbed.authentication.dmarc_record import Alignment, Policy, Record
from testbed.authentication.lookup import Lookup, look_up
from testbed.authentication.tree_walk import Undecided, Walk, walk

Result = Literal["none", "pass", "fail", "temperror", "permerror"]
Tag = Literal["p", "sp", "np"]


class Verdict(Struct, frozen=True):
    """What DMARC says of a message.

    ``author`` is the domain in From, ``policy_domain`` the one whose record holds, ``organization`` the author's
    organizational domain.  ``published`` is the policy of the record, by its tag ``by``; ``policy`` is what it comes
    to for this message: one step less where the owner is only testing (t=y), ``none`` for what does not fail.
    ``spf`` and ``dkim`` are the authenticated domains that align.
    """

    result: Result
    reason: str
    author: str = ""
    policy_domain: str = ""
    organization: str = ""
    record: Record | None = None
    published: Policy = "none"
    by: Tag = "p"
    policy: Policy = "none"
    spf: str = ""
    dkim: tuple[str, ...] = ()


def verify(lookup: Lookup, author: Author, of_spf: spf.Verdict | None, of_dkim: Sequence[dkim.Verdict]) -> Verdict:
    """Judge a message by its author and what SPF (of MAIL FROM) and DKIM found."""
    if not author.domain:
        return Verdict("permerror", f"{author.problem}, and DMARC is about exactly one (RFC 9989 §5.3.1)")
    try:
        return _judged(lookup, author.domain, of_spf, of_dkim)
    except Undecided as error:
        return Verdict("temperror", str(error), author.domain)


def _judged(lookup: Lookup, author: str, of_spf: spf.Verdict | None, of_dkim: Sequence[dkim.Verdict]) -> Verdict:
    way = walk(lookup, author)
    if way.policy is None:
        return Verdict("none", f"{author} publishes no DMARC record, nor does a domain above it", author)
    domain, record = way.policy
    if record.broken and not record.reports:
        return Verdict(
            "none", f"the DMARC record of {domain} has no policy that can be read, and asks for no reports", author
        )
    tag, published = _published(lookup, author, domain, record)
    verdict = Verdict("fail", "", author, domain, way.organization, record, published, tag)
    spf_domain = of_spf.domain if of_spf is not None and of_spf.result == "pass" else ""
    if spf_domain and _aligns(lookup, way, spf_domain, record.spf):
        verdict = replace(verdict, spf=spf_domain)
    passed = dict.fromkeys(one.domain for one in of_dkim if one.result == "pass")
    verdict = replace(verdict, dkim=tuple(one for one in passed if _aligns(lookup, way, one, record.dkim)))
    if verdict.spf or verdict.dkim:
        return replace(verdict, result="pass", reason=_why_passed(verdict))
    undecided = [one.reason for one in (of_spf, *of_dkim) if one is not None and one.result == "temperror"]
    if undecided:
        return replace(verdict, result="temperror", reason=f"it might have passed: {undecided[0]}")
    return replace(verdict, policy=_applied(record, published), reason=_why_failed(verdict, of_spf, of_dkim))


def _published(lookup: Lookup, author: str, domain: str, record: Record) -> tuple[Tag, Policy]:
    """The policy for an author (§4.10.1): np is for domains that DNS does not have."""
    if record.broken:
        return "p", "none"
    if author == domain:
        return "p", record.policy
    if record.nonexistent is not None and not _exists(lookup, author):
        return "np", record.nonexistent
    return ("p", record.policy) if record.subdomains is None else ("sp", record.subdomains)


def _exists(lookup: Lookup, domain: str) -> bool:
    """Whether DNS has a domain, with whatever records (RFC 8020)."""
    answer = look_up(lookup, domain, "A")
    if answer.failed:
        raise Undecided(domain, answer.outcome)
    return answer.outcome != "nxdomain"


def _aligns(lookup: Lookup, way: Walk, identifier: str, alignment: Alignment) -> bool:
    """Whether an authenticated domain and the author's are one, or of one organization (§4.4)."""
    if identifier == way.start:
        return True
    return alignment == "r" and walk(lookup, identifier).organization == way.organization


def _applied(record: Record, published: Policy) -> Policy:
    if not record.testing:
        return published
    return "quarantine" if published == "reject" else "none"


def _why_passed(verdict: Verdict) -> str:
    by = [f"SPF passed for {verdict.spf}"] if verdict.spf else []
    by += [f"{'a signature of ' + verdict.dkim[0]} fits"] if verdict.dkim else []
    return f"{' and '.join(by)}, which belongs to {verdict.author}"


def _why_failed(verdict: Verdict, of_spf: spf.Verdict | None, of_dkim: Sequence[dkim.Verdict]) -> str:
    others = [of_spf.domain] if of_spf is not None and of_spf.result == "pass" else []
    others += [one.domain for one in of_dkim if one.result == "pass"]
    if others:
        return f"what passed is of {', '.join(dict.fromkeys(others))}, and the author is of {verdict.author}"
    return f"neither SPF nor a signature passed for {verdict.author}"
