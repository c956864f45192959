"""What a client tells a domain of the TLS of a day's sessions with its mail servers: a TLS report (RFC 8460 §4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from testbed.transport_security.decision import Decision
from testbed.transport_security.demand import Demand
from testbed.transport_security.mta_sts import StsPolicy

PolicyType = Literal["tlsa", "sts", "no-policy-found"]
POLICY_TYPES: tuple[PolicyType, ...] = ("tlsa", "sts", "no-policy-found")

# RFC 8460 §4.3
RESULT_TYPES = (
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
)


class Policy(Struct, frozen=True):
    """The policy that was applied.

    ``domain`` is the recipient's, or of TLSA records the MX (§1.1).  ``strings`` are the records, or the lines of the
    policy file, ``mx`` the patterns of MX in it.
    """

    kind: PolicyType
    domain: str
    strings: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()


class Failure(Struct, frozen=True):
    """What went wrong with a session: a word of §4.3, and between whom.  What is unknown is ``""``."""

    result: str
    sending_ip: str = ""
    receiving_host: str = ""
    receiving_ip: str = ""
    reason: str = ""


class Session(Struct, frozen=True):
    """One session with a mail server, or one that was not begun for what the policy says.

    Something may have gone wrong that did not make it ``failed``: a new policy that could not be fetched, where an old
    one counts still.
    """

    policy: Policy
    failed: bool = False
    failures: tuple[Failure, ...] = ()


class PolicyResults(Struct, frozen=True):
    """The sessions under one policy, counted; ``failures`` come with the number of sessions of each."""

    policy: Policy
    successful: int = 0
    failed: int = 0
    failures: tuple[tuple[Failure, int], ...] = ()


class Report(Struct, frozen=True):
    """A recipient domain's sessions of one client, from ``begin`` to ``end`` (seconds since 1970).

    ``submitter`` is the client's domain and ``contact`` its address; ``identifier`` is the report's.
    """

    domain: str
    submitter: str
    contact: str
    begin: int
    end: int
    identifier: str
    policies: tuple[PolicyResults, ...]

    @property
    def sessions(self) -> int:
        """How many sessions it tells of."""
        return sum(one.successful + one.failed for one in self.policies)


def policy_of(demand: Demand, domain: str, host: str, sts: StsPolicy | None, *, announced: bool) -> Policy:
    """What a client went by with a mail server of a domain.

    ``sts`` is the domain's MTA-STS policy, as far as it is known; ``announced`` tells that DNS speaks of one.
    """
    if demand.source == "dane":
        return Policy("tlsa", host, tuple(record.text for record in demand.tlsa))
    if sts is not None:
        return Policy("sts", domain, tuple(sts.text().decode().split("\r\n")[:-1]), sts.mx)
    return Policy("sts" if announced else "no-policy-found", domain)


def session(policy: Policy, demand: Demand, decision: Decision, between: Failure, trouble: Failure | None) -> Session:
    """What a decision about a mail server comes to.

    ``between`` has the ends, ``trouble`` says why the policy that is announced could not be had.
    """
    failures = [Failure(trouble.result, reason=trouble.reason)] if trouble is not None else []
    failed = bool(decision.result) or (trouble is not None and not policy.strings)
    result = decision.result or ("tlsa-invalid" if demand.level == "encrypted" else "")
    if result:
        ends = between.sending_ip, between.receiving_host, between.receiving_ip
        failures.append(Failure(result, *ends, decision.why))
    return Session(policy, failed, tuple(failures))


def report(domain: str, submitter: str, contact: str, begin: int, end: int, sessions: Mapping[Session, int]) -> Report:
    """A report of sessions and how many there were of each; its id is of domain, client and time alone."""
    found = tuple(_results(policy, sessions) for policy in dict.fromkeys(one.policy for one in sessions))
    return Report(domain, submitter, contact, begin, end, f"{domain}.{begin}.{end}.tls@{submitter}", found)


def _results(policy: Policy, sessions: Mapping[Session, int]) -> PolicyResults:
    failures: Counter[Failure] = Counter()
    successful = failed = 0
    for one, times in sessions.items():
        if one.policy != policy:
            continue
        failed += times if one.failed else 0
        successful += 0 if one.failed else times
        for failure in one.failures:
            failures[failure] += times
    return PolicyResults(policy, successful, failed, tuple(failures.items()))
