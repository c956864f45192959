"""Ways to break who checks where mail is from: a check left out, believed too readily, or counted wrongly.

Labs are forked from the process of the tests, so a patch holds inside them.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from testbed.authentication import (
    arc,
    author,
    block_list,
    canonical,
    dkim,
    dmarc,
    failure_report,
    keys,
    persona,
    policy,
    report_destinations,
    results,
    reverse,
    signature,
    spf,
    spf_record,
)
from testbed.authentication.lookup import Lookup
from testbed.authentication.message import Message
from testbed.authentication.persona import Persona
from testbed.hosts.envelope import Checked, EsmtpEnvelope
from testbed.hosts.smtp.aggregate_reports import AggregateReports
from testbed.hosts.smtp.failure_reports import FailureReports
from testbed.hosts.smtp.judge import Judge


def checks_nothing(patch: pytest.MonkeyPatch) -> None:
    """A receiver that lets everybody pass unchecked."""

    async def passes(self: Judge, session: object, envelope: EsmtpEnvelope, what: object) -> str:
        return ""

    patch.setattr(Judge, "recipient", passes)
    patch.setattr(Judge, "message", passes)


def reports_nothing(patch: pytest.MonkeyPatch) -> None:
    """A receiver that counts no message for the report of the day."""
    patch.setattr(AggregateReports, "note", lambda self, judgement, decision: None)


def tells_nobody_of_failures(patch: pytest.MonkeyPatch) -> None:
    """A receiver that sends no report of single messages."""
    patch.setattr(FailureReports, "note", lambda self, judgement, decision: None)


def takes_every_pass_for_all_there_is(patch: pytest.MonkeyPatch) -> None:
    """A receiver that reports messages only where all of DMARC failed, whatever fo says."""
    failures = failure_report._failures
    patch.setattr(failure_report, "_failures", lambda judgement, options: failures(judgement, "0"))


def reports_to_whoever_is_named(patch: pytest.MonkeyPatch) -> None:
    """A receiver that sends reports to strangers without asking whether they agreed."""
    patch.setattr(report_destinations, "_agreed", lambda lookup, domain, address, tag: ((address,), ""))


def heeds_no_result(patch: pytest.MonkeyPatch) -> None:
    """A receiver that checks, and takes everything whatever it found."""
    patch.setattr(policy, "decide", lambda *args, **options: policy.Decision())
    patch.setattr(persona, "decide", lambda *args, **options: policy.Decision())


def refuses_what_could_not_be_asked(patch: pytest.MonkeyPatch) -> None:
    """A receiver that refuses for good where DNS did not answer."""
    patch.setattr(
        policy,
        "_reply",
        lambda check, result, reason, later, judgement: f"550 5.{policy._CODES[check]} {reason}"[:400],
    )


# SPF


def takes_no_spf_fail_for_one(patch: pytest.MonkeyPatch) -> None:
    """A checker for which -all is ~all."""
    patch.setitem(spf._RESULTS, "-", "softfail")


def counts_no_lookups(patch: pytest.MonkeyPatch) -> None:
    """A checker of SPF that asks DNS as often as a record wants."""
    patch.setattr(spf, "MAX_TERMS", 10_000)


def ignores_void_lookups(patch: pytest.MonkeyPatch) -> None:
    """A checker of SPF that does not count answers which hold nothing."""
    patch.setattr(spf, "MAX_VOID", 10_000)


def takes_the_first_spf_record(patch: pytest.MonkeyPatch) -> None:
    """A checker for which two SPF records are the first of them."""

    def first(self: spf._Evaluation, domain: str) -> str:
        answer = self._ask(domain, "TXT", void_counts=False)
        return next((text for text in answer.records if spf_record.is_record(text)), "")

    patch.setattr(spf._Evaluation, "_record_of", first)


def passes_over_missing_includes(patch: pytest.MonkeyPatch) -> None:
    """A checker for which an include without a record is one that does not match."""

    def includes(self: spf._Evaluation, directive: spf_record.Directive, target: str) -> bool:
        return self._check(target) == "pass"

    patch.setattr(spf._Evaluation, "_includes", includes)


def follows_no_redirect(patch: pytest.MonkeyPatch) -> None:
    """A checker of SPF that does not know redirect=."""
    patch.setattr(spf._Evaluation, "_redirected", lambda self, record, domain: "neutral")


def expands_no_macros(patch: pytest.MonkeyPatch) -> None:
    """A checker of SPF that asks for names as they are written, with their macros."""
    patch.setattr(spf, "expand_name", lambda text, facts, domain: text)


def believes_unconfirmed_names(patch: pytest.MonkeyPatch) -> None:
    """A checker of SPF that believes PTR without asking whether the name leads back."""
    patch.setattr(spf, "same_address", lambda address, client: True)


# DKIM


def believes_every_signature(patch: pytest.MonkeyPatch) -> None:
    """A checker for which every signature fits what it covers."""
    patch.setattr(keys.PublicKey, "fits", lambda self, signed, hashed: True)


def turns_signatures_round(patch: pytest.MonkeyPatch) -> None:
    """A checker for which a signature that fits is broken, and one that was broken fits."""
    turned = {"pass": "fail", "fail": "pass"}
    verify = dkim.verify

    def other(octets: bytes, lookup: Lookup, now: int | None = None) -> tuple[dkim.Verdict, ...]:
        return tuple(
            replace(one, result=turned.get(one.result, one.result))  # type: ignore[arg-type]
            for one in verify(octets, lookup, now)
        )

    patch.setattr(dkim, "verify", other)


def believes_every_body(patch: pytest.MonkeyPatch) -> None:
    """A checker that does not compare the body with its hash."""
    of_body = dkim._of_body

    def fits(message: Message, claimed: signature.Claims) -> dkim.Verdict:
        verdict = of_body(message, claimed)
        return (
            verdict
            if verdict.result == "permerror"
            else replace(verdict, result="pass", reason="", blame=None, body_fits=True)
        )

    patch.setattr(dkim, "_of_body", fits)


def covers_the_whole_body_whatever_l_says(patch: pytest.MonkeyPatch) -> None:
    """A checker that does not know l=."""
    claims = signature.claims
    patch.setattr(dkim, "claims", lambda *args: replace(claims(*args), length=None))


def takes_any_length(patch: pytest.MonkeyPatch) -> None:
    """A checker that takes an l= beyond the end of the body for the whole body."""
    of_body = dkim._of_body
    patch.setattr(
        dkim, "_of_body", lambda message, claimed: of_body(message, replace(claimed, length=_within(message, claimed)))
    )


def _within(message: Message, claimed: signature.Claims) -> int | None:
    octets = len(canonical.body(message.body, claimed.body_form))
    return None if claimed.length is None else min(claimed.length, octets)


def believes_sha1(patch: pytest.MonkeyPatch) -> None:
    """A checker that holds nothing against SHA-1: the signature fits."""
    of_body = dkim._of_body

    def passes(message: Message, field: object, claimed: signature.Claims, *rest: object) -> dkim.Verdict:
        return replace(of_body(message, claimed), result="pass", reason="", blame=None)

    judged = dkim.judged

    def either(message: Message, field: object, claimed: signature.Claims, *rest: object) -> dkim.Verdict:
        return (passes if claimed.algorithm == "rsa-sha1" else judged)(message, field, claimed, *rest)  # type: ignore[arg-type]

    patch.setattr(dkim, "_objection", lambda claimed: "")
    patch.setattr(dkim, "judged", either)


def takes_short_keys(patch: pytest.MonkeyPatch) -> None:
    """A checker for which a key of 512 bits is as good as any."""
    patch.setattr(keys, "MIN_RSA_BITS", 512)


def never_lets_a_signature_expire(patch: pytest.MonkeyPatch) -> None:
    """A checker that does not look at x=."""
    verify = dkim.verify
    patch.setattr(dkim, "verify", lambda octets, lookup, now=None: verify(octets, lookup, None))


def lets_anybody_sign_for(patch: pytest.MonkeyPatch) -> None:
    """A checker of DMARC for which every signature and every SPF pass is the author's own."""
    patch.setattr(dmarc, "_aligns", lambda *args: True)


# DMARC


def turns_alignment_round(patch: pytest.MonkeyPatch) -> None:
    """A checker of DMARC for which the author's own domain is a stranger's, and a stranger's the author's own."""
    aligns = dmarc._aligns
    patch.setattr(dmarc, "_aligns", lambda *args: not aligns(*args))


def aligns_strictly(patch: pytest.MonkeyPatch) -> None:
    """A checker of DMARC that lets no subdomain stand for its organization."""
    patch.setattr(dmarc, "_aligns", lambda lookup, way, identifier, alignment: identifier == way.start)


def takes_the_first_author(patch: pytest.MonkeyPatch) -> None:
    """A checker of DMARC for which the first of several authors is the only one."""
    author_of = author.author_of

    def first(message: Message) -> author.Author:
        found = author_of(message)
        return replace(found, problem="") if found.domains else found

    patch.setattr("testbed.authentication.judge.author_of", first)


def takes_the_last_author(patch: pytest.MonkeyPatch) -> None:
    """A checker of DMARC for which the last of several authors is the only one."""
    author_of = author.author_of

    def last(message: Message) -> author.Author:
        found = author_of(message)
        return replace(found, domains=found.domains[-1:], problem="") if found.domains else found

    patch.setattr("testbed.authentication.judge.author_of", last)


def turns_policies_round(patch: pytest.MonkeyPatch) -> None:
    """A receiver that refuses where nothing is wished, and takes what is not wanted."""
    patch.setattr(dmarc, "_applied", lambda record, published: "reject" if published == "none" else "none")


def knows_no_testing(patch: pytest.MonkeyPatch) -> None:
    """A checker of DMARC that does not know t=y."""
    patch.setattr(dmarc, "_applied", lambda record, published: published)


# ARC


def believes_every_chain(patch: pytest.MonkeyPatch) -> None:
    """A checker for which every chain of ARC passes."""
    verify = arc.verify

    def passes(octets: bytes, lookup: Lookup, now: int | None = None) -> arc.Chain:
        return replace(verify(octets, lookup, now), result="pass")

    patch.setattr(arc, "verify", passes)


def trusts_no_sealer(patch: pytest.MonkeyPatch) -> None:
    """A receiver to which no seal says anything."""
    patch.setattr(policy, "vouching", lambda judgement, trusted: "")
    patch.setattr(persona, "vouching", lambda judgement, trusted: "")


# Names and lists


def believes_every_block_list(patch: pytest.MonkeyPatch) -> None:
    """A receiver for which whatever a block list answers is a listing."""
    verify = block_list.verify

    def listed(lookup: Lookup, client: str, zone: str) -> block_list.Verdict:
        verdict = verify(lookup, client, zone)
        return replace(verdict, result="listed") if verdict.codes else verdict

    patch.setattr(block_list, "verify", listed)


def believes_no_block_list(patch: pytest.MonkeyPatch) -> None:
    """A receiver that asks block lists and takes their answers for nothing."""
    verify = block_list.verify
    patch.setattr(
        block_list, "verify", lambda lookup, client, zone: replace(verify(lookup, client, zone), result="not listed")
    )


def turns_block_lists_round(patch: pytest.MonkeyPatch) -> None:
    """A receiver for which who is listed is not, and an answer that says nothing is a listing."""
    verify = block_list.verify

    def turned(lookup: Lookup, client: str, zone: str) -> block_list.Verdict:
        verdict = verify(lookup, client, zone)
        return replace(verdict, result="not listed" if verdict.result == "listed" else "listed")

    patch.setattr(block_list, "verify", turned)


def takes_every_name(patch: pytest.MonkeyPatch) -> None:
    """A receiver for which every address has a good name."""
    verify = reverse.verify
    patch.setattr(reverse, "verify", lambda lookup, client: replace(verify(lookup, client), result="pass"))


# What is written and by whom


def keeps_forged_results(patch: pytest.MonkeyPatch) -> None:
    """A receiver that leaves a message as it is which says of itself that it was checked."""
    patch.setattr(results, "said_by", lambda server, message: ())
    patch.setattr(Checked, "applied", lambda self, content: content if _has_results(content) else self.field + content)


def _has_results(content: bytes) -> bool:
    return b"\nauthentication-results:" in b"\n" + content.lower()


# Large receivers


def takes_nobody_for_bulk(patch: pytest.MonkeyPatch) -> None:
    """A large receiver that counts no messages."""
    patch.setattr(Judge, "_is_bulk", lambda self, domain: False)


def takes_everybody_for_bulk(patch: pytest.MonkeyPatch) -> None:
    """A large receiver to which everybody is a bulk sender."""
    patch.setattr(Judge, "_is_bulk", lambda self, domain: True)


def has_the_rules_of_another(patch: pytest.MonkeyPatch) -> None:
    """A large receiver with the rules of its neighbour."""
    others = {"gmail": "outlook", "outlook": "yahoo", "yahoo": "outlook"}
    persona_of = persona.persona

    def other(name: str) -> Persona:
        return persona_of(others[name])

    patch.setattr(persona, "persona", other)
