"""A judgement in the words of Authentication-Results (RFC 8601 §2.7, RFC 9989 §9.1, RFC 8617 §10.1)."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.authentication.judge import Judgement
from testbed.authentication.results import Result


def results_of(judgement: Judgement) -> tuple[Result, ...]:
    """What a judgement says, method by method."""
    return tuple(_results(judgement))


def _results(judgement: Judgement) -> Iterator[Result]:
    offer = judgement.offer
    if judgement.spf is not None:
        by_name = judgement.spf.identity == "helo"
        said = {"smtp.helo": offer.helo} if by_name else {"smtp.mailfrom": offer.mail_from}
        yield Result("spf", judgement.spf.result, said, judgement.spf.reason)
    if judgement.dkim is not None:
        yield from _of_dkim(judgement)
    if judgement.dmarc is not None:
        verdict = judgement.dmarc
        domains = {"header.from": verdict.author or ",".join(judgement.author.domains[:3])}
        if verdict.record is not None:
            domains["polrec.p"] = verdict.published
            domains["polrec.domain"] = verdict.policy_domain
        yield Result("dmarc", verdict.result, domains, verdict.reason)
    if judgement.arc is not None:
        chain = judgement.arc
        yield Result("arc", chain.result, {"smtp.remote-ip": offer.client}, chain.reason)
    if judgement.ptr is not None:
        yield Result("iprev", judgement.ptr.result, {"policy.iprev": offer.client}, judgement.ptr.reason)
    for listing in judgement.dnsbl:
        word = {"listed": "fail", "not listed": "pass", "temperror": "temperror"}.get(listing.result, "permerror")
        yield Result("dnsbl", word, {"dns.zone": listing.zone, "policy.ip": ",".join(listing.codes)}, listing.reason)


def _of_dkim(judgement: Judgement) -> Iterator[Result]:
    if not judgement.dkim:
        yield Result("dkim", "none", {}, "the message is not signed")
    for verdict in judgement.dkim or ():
        algorithm = verdict.claims.algorithm if verdict.claims is not None else ""
        said = {"header.d": verdict.domain, "header.s": verdict.selector, "header.a": algorithm}
        yield Result("dkim", verdict.result, said, verdict.reason)
