"""What a receiver tells a domain's owner of one message that failed: DMARC's failure report (RFC 9991, RFC 6591)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from testbed.authentication import dkim, results
from testbed.authentication.judge import Judgement
from testbed.authentication.message import parse
from testbed.authentication.policy import Decision
from testbed.authentication.reported import results_of
from testbed.authentication.words import AuthFailure, Delivery

Method = Literal["dkim", "spf"]

_SPF_FAILED = ("fail", "softfail", "permerror")
_DKIM_FAILED = ("fail", "permerror")


class FailureReport(Struct, frozen=True):
    """One message; ``domain`` is the author's.

    ``unaligned`` are the methods that gave no identifier which passes and aligns (Identity-Alignment), None where
    a report does not say.  ``results`` is
    the value of Authentication-Results.  ``source`` is the client's IP address, ``header`` that of the message as it
    came, with CRLF lines.  ``dkim_domain``, ``dkim_identity`` and ``dkim_selector`` are of the signature that failed,
    ``spf_record`` of the domain ``spf_domain``; what is not known is ``""``.
    """

    failure: AuthFailure
    domain: str
    unaligned: tuple[Method, ...] | None
    results: str
    source: str
    delivery: Delivery
    mail_from: str = ""
    header: bytes = b""
    dkim_domain: str = ""
    dkim_identity: str = ""
    dkim_selector: str = ""
    spf_domain: str = ""
    spf_record: str = ""


def wanted(judgement: Judgement, decision: Decision, server: str) -> tuple[str, tuple[str, ...], list[FailureReport]]:
    """The policy domain, the addresses it names for failures, and the reports it wishes of a message.

    None of a message that is to come again, of one from the null path, which may be a report itself, or where DMARC
    came to no result; none for the owner of a public suffix (RFC 9991 §2).  ``server`` is who checked.
    """
    verdict = judgement.dmarc
    record = verdict.record if verdict is not None else None
    if verdict is None or record is None or verdict.result not in ("pass", "fail"):
        return "", (), []
    if decision.action == "later" or not judgement.offer.mail_from or record.public_suffix == "y":
        return "", (), []
    failures = list(_failures(judgement, record.failure_options)) if record.failures else []
    return verdict.policy_domain, record.failures, [_report(judgement, decision, server, one) for one in failures]


def _failures(judgement: Judgement, options: str) -> Iterator[AuthFailure]:
    """What the options (fo) ask to be told of; of DMARC the wider wish counts (RFC 9989 §4.7)."""
    verdict, asked = judgement.dmarc, [option.strip().lower() for option in options.split(":")]
    assert verdict is not None
    known = [option for option in asked if option in ("0", "1", "d", "s")] or ["0"]
    either = not verdict.spf or not verdict.dkim
    if ("1" in known and either) or ("0" in known and not (verdict.spf or verdict.dkim)):
        yield "dmarc"
    broken = _broken(judgement)
    if "d" in known and broken is not None:
        yield _of_signature(broken)
    if "s" in known and judgement.spf is not None and judgement.spf.result in _SPF_FAILED:
        yield "spf"


def _of_signature(broken: dkim.Verdict) -> AuthFailure:
    """The word for a signature that failed; with a revoked key, body and header are not to blame (RFC 6591 §3.3)."""
    if broken.blame == "revoked":
        return "revoked"
    return "bodyhash" if broken.body_fits is False else "signature"


def _broken(judgement: Judgement) -> dkim.Verdict | None:
    """The signature that failed; one of the author's own domain before others."""
    failed = [one for one in judgement.dkim or () if one.result in _DKIM_FAILED]
    own = [one for one in failed if one.domain == judgement.author.domain]
    return next(iter(own or failed), None)


def _report(judgement: Judgement, decision: Decision, server: str, failure: AuthFailure) -> FailureReport:
    verdict, offer, broken, of_spf = judgement.dmarc, judgement.offer, _broken(judgement), judgement.spf
    assert verdict is not None
    passed: dict[Method, bool] = {"dkim": bool(verdict.dkim), "spf": bool(verdict.spf)}
    spf_failed = of_spf is not None and of_spf.result in _SPF_FAILED
    claims = broken.claims if broken is not None else None
    return FailureReport(
        failure,
        verdict.author,
        tuple(method for method, aligned in passed.items() if not aligned),
        results.value(server, results_of(judgement)),
        offer.client,
        "reject" if decision.action == "refuse" else "spam" if decision.action == "junk" else "delivered",
        offer.mail_from,
        b"".join(field.octets for field in parse(offer.octets).fields),
        broken.domain if broken is not None else "",
        (claims.identity or f"@{claims.domain}") if claims is not None else "",
        broken.selector if broken is not None else "",
        of_spf.domain if of_spf is not None and spf_failed and of_spf.record else "",
        of_spf.record if of_spf is not None and spf_failed else "",
    )
