"""What a receiver tells a domain's owner of the mail of a day: DMARC's aggregate report (RFC 9990)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from testbed.authentication import dkim, spf
from testbed.authentication.dmarc_record import Alignment, Policy
from testbed.authentication.judge import Judgement
from testbed.authentication.policy import Decision

Disposition = Literal["none", "pass", "quarantine", "reject"]
SpfResult = spf.Result
Aligned = Literal["pass", "fail"]
Override = Literal["local_policy", "mailing_list", "other", "policy_test_mode", "trusted_forwarder"]

MAX_SIGNATURES = 100  # in one row (RFC 9990, DKIM Signatures in Aggregate Reports)


class Published(Struct, frozen=True):
    """The policy as its owner published it, defaults filled in; ``domain`` is the policy domain."""

    domain: str
    policy: Policy
    subdomains: Policy
    nonexistent: Policy
    dkim: Alignment = "r"
    spf: Alignment = "r"
    testing: bool = False
    failure_options: str = "0"


class Signature(Struct, frozen=True):
    """What became of one DKIM signature, whatever it means for DMARC."""

    domain: str
    selector: str
    result: dkim.Result


class Row(Struct, frozen=True):
    """What messages that are counted together have in common.

    ``source`` is the client's IP address; ``dkim`` and ``spf`` tell whether these passed *and* align.  ``override`` and
    ``comment`` say why ``disposition`` is not what was published, ``""`` where it is.  ``spf_domain`` and
    ``spf_result`` are SPF's own of MAIL FROM, ``""`` where it was not asked of it.
    """

    source: str
    disposition: Disposition
    dkim: Aligned
    spf: Aligned
    header_from: str
    envelope_from: str = ""
    signatures: tuple[Signature, ...] = ()
    spf_domain: str = ""
    spf_result: SpfResult | Literal[""] = ""
    override: Override | Literal[""] = ""
    comment: str = ""


class Report(Struct, frozen=True):
    """One policy domain's mail at one receiver, from ``begin`` to ``end`` (seconds since 1970).

    ``rows`` come with the number of messages of each.  ``identifier`` is the Report-ID, ``submitter`` the receiver's
    domain and ``contact`` its address.
    """

    submitter: str
    contact: str
    begin: int
    end: int
    published: Published
    rows: tuple[tuple[Row, int], ...]
    identifier: str

    @property
    def messages(self) -> int:
        """How many messages it tells of."""
        return sum(count for _, count in self.rows)


def report(submitter: str, contact: str, begin: int, end: int, published: Published, rows: Mapping[Row, int]) -> Report:
    """A report of rows and how many messages each is of; its Report-ID is of domain, receiver and time alone."""
    identifier = f"{published.domain}.{begin}.{end}@{submitter}"
    return Report(submitter, contact, begin, end, published, tuple(rows.items()), identifier)


def published(judgement: Judgement) -> Published | None:
    """The policy that a message's author has, if reports on it are wanted and DMARC came to a result."""
    verdict = judgement.dmarc
    if verdict is None or verdict.record is None or verdict.result not in ("pass", "fail"):
        return None
    record = verdict.record
    if not record.reports:
        return None
    below = record.subdomains or record.policy
    return Published(
        verdict.policy_domain,
        record.policy,
        below,
        record.nonexistent or below,
        record.dkim,
        record.spf,
        record.testing,
        record.failure_options,
    )


def row(judgement: Judgement, decision: Decision) -> Row | None:
    """A message's row; None of one that is to come again, as its fate is open, and of one without a result."""
    verdict, of_spf = judgement.dmarc, judgement.spf
    if verdict is None or verdict.result not in ("pass", "fail") or decision.action == "later":
        return None
    asked = of_spf is not None and of_spf.identity == "mailfrom"
    disposition = _disposition(judgement, decision)
    override, comment = _override(judgement, decision, disposition)
    return Row(
        judgement.offer.client,
        disposition,
        "pass" if verdict.dkim else "fail",
        "pass" if verdict.spf else "fail",
        verdict.author,
        judgement.offer.mail_from.rpartition("@")[2].lower(),
        _signatures(judgement, verdict.author, verdict.dkim),
        of_spf.domain if asked and of_spf is not None else "",
        of_spf.result if asked and of_spf is not None else "",
        override,
        comment,
    )


def _signatures(judgement: Judgement, author: str, aligned: tuple[str, ...]) -> tuple[Signature, ...]:
    """Those that pass first, and of these the nearest to the author."""

    def far(one: dkim.Verdict) -> int:
        return 3 if one.result != "pass" else 0 if one.domain == author else 1 if one.domain in aligned else 2

    known = [one for one in judgement.dkim or () if one.domain and one.selector]
    chosen = sorted(known, key=far)[:MAX_SIGNATURES]
    return tuple(Signature(one.domain, one.selector, one.result) for one in chosen)


def _disposition(judgement: Judgement, decision: Decision) -> Disposition:
    verdict = judgement.dmarc
    assert verdict is not None
    if verdict.result == "pass":
        return "none" if verdict.published == "none" else "pass"
    return "reject" if decision.action == "refuse" else "quarantine" if decision.action == "junk" else "none"


def _override(judgement: Judgement, decision: Decision, disposition: Disposition) -> tuple[Override | Literal[""], str]:
    verdict = judgement.dmarc
    assert verdict is not None
    if verdict.result == "pass" or disposition == verdict.published:
        return "", ""
    if decision.overridden:
        return "trusted_forwarder", decision.overridden
    if disposition == verdict.policy and verdict.record is not None and verdict.record.testing:
        return "policy_test_mode", ""
    return "local_policy", decision.cause if decision.cause != "dmarc fail" else ""
