"""What a server does with what its checks found: the reply that refuses, or where the message goes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from testbed.authentication.dkim import Verdict
from testbed.authentication.judge import Judgement
from testbed.authentication.words import AS_PUBLISHED, Action, Check

# RFC 7372 §3, RFC 8617 §11.2; a block list's is the one of policy (RFC 3463 §3.8).
_CODES: dict[Check, str] = {
    "spf": "7.23",
    "dkim": "7.20",
    "dmarc": "7.26",
    "arc": "7.29",
    "ptr": "7.25",
    "dnsbl": "7.1",
}
_OF_ERRORS: dict[Check, str] = {"spf": "7.24"}
_OF_LISTS = ("listed", "temperror", "refused", "broken", "not listed")
_MAX_REPLY = 400
_SEVERITY: dict[Action, int] = {"accept": 0, "junk": 1, "later": 2, "refuse": 3}


class Decision(Struct, frozen=True):
    """``reply`` refuses, or is ``""``; ``cause`` is the check that decided with its result, ``spf fail``."""

    action: Action = "accept"
    reply: str = ""
    cause: str = ""
    reason: str = ""
    overridden: str = ""


def defaults(checks: Collection[Check]) -> dict[str, str]:
    """What is done when nothing is said; what is not named is accepted.

    Where DMARC is checked it decides about SPF and DKIM: who fails one of them may pass by the other.
    """
    wishes = {
        "ptr fail": "refuse",
        "ptr permerror": "refuse",
        "ptr temperror": "later",
        "dnsbl listed": "refuse",
        "spf fail": "accept" if "dmarc" in checks else "refuse",
        "spf temperror": "accept" if "dmarc" in checks else "later",
        "dmarc fail": AS_PUBLISHED,
        "dmarc temperror": "later",
    }
    return {cause: wish for cause, wish in wishes.items() if cause.split()[0] in checks}


def found(judgement: Judgement) -> dict[Check, tuple[str, str]]:
    """The result of each check that was made, and the sentence that says why, in the order of :data:`RESULTS`."""
    results: dict[Check, tuple[str, str]] = {}
    if judgement.ptr is not None:
        results["ptr"] = judgement.ptr.result, judgement.ptr.reason
    if judgement.dnsbl:
        worst = min(judgement.dnsbl, key=lambda one: _OF_LISTS.index(one.result))
        results["dnsbl"] = worst.result, worst.reason
    if judgement.spf is not None:
        results["spf"] = judgement.spf.result, judgement.spf.reason
    if judgement.dkim is not None:
        results["dkim"] = _of_signatures(judgement.dkim)
    if judgement.arc is not None:
        results["arc"] = judgement.arc.result, judgement.arc.reason
    if judgement.dmarc is not None:
        results["dmarc"] = judgement.dmarc.result, judgement.dmarc.reason
    return results


def _of_signatures(verdicts: tuple[Verdict, ...]) -> tuple[str, str]:
    """One that fits is enough; else the first that might have, or else the first."""
    for wanted in ("pass", "temperror", "fail", "permerror", "neutral"):
        for verdict in verdicts:
            if verdict.result == wanted:
                return verdict.result, verdict.reason
    return "none", "the message is not signed"


def decide(
    judgement: Judgement,
    checks: Collection[Check],
    policy: Mapping[str, str],
    trusted: Collection[str] = (),
) -> Decision:
    """What becomes of a message: the most severe of what is said for each result.

    ``policy`` maps a check and its result (``spf fail``) to one of :data:`ACTIONS` or to a reply.  ``trusted`` are
    domains whose ARC seals are believed: where they saw DMARC pass, the message passes (RFC 8617 §7.2.1).
    """
    decision = Decision()
    for one in _decisions(judgement, {**defaults(checks), **policy}, checks):
        if one.cause == "dmarc fail" and (sealer := vouching(judgement, trusted)):
            decision = replace(decision, overridden=f"{sealer} saw it pass")
        elif _SEVERITY[one.action] > _SEVERITY[decision.action]:
            decision = one
    return decision


def _decisions(judgement: Judgement, policy: Mapping[str, str], checks: Collection[Check]) -> Iterator[Decision]:
    for check, (result, reason) in found(judgement).items():
        wish = policy.get(f"{check} {result}", "accept") if check in checks else "accept"
        cause = f"{check} {result}"
        if wish == AS_PUBLISHED:
            published = judgement.dmarc.policy if judgement.dmarc is not None else "none"
            wish = {"none": "accept", "quarantine": "junk", "reject": "refuse"}[published]
        if wish == "accept":
            continue
        if wish == "junk":
            yield Decision("junk", "", cause, reason)
        elif wish[0].isdigit():
            yield Decision("later" if wish.startswith("4") else "refuse", wish, cause, reason)
        else:
            later = wish == "later" or result == "temperror"
            reply = _reply(check, result, reason, later, judgement)
            yield Decision("later" if later else "refuse", reply, cause, reason)


def _reply(check: Check, result: str, reason: str, later: bool, judgement: Judgement) -> str:
    enhanced = _OF_ERRORS.get(check, _CODES[check]) if result in ("temperror", "permerror") else _CODES[check]
    code = "451 4." if later else "554 5." if check == "dnsbl" else "550 5."
    text = reason
    if check == "dmarc" and result == "fail" and judgement.dmarc is not None:
        verdict = judgement.dmarc
        text = f"Refused as the DMARC policy of {verdict.policy_domain} asks: {reason}"
    return f"{code}{enhanced} {text}"[:_MAX_REPLY]


def vouching(judgement: Judgement, trusted: Collection[str]) -> str:
    """The trusted domain whose seal says that DMARC passed when it had the message, or ``""``."""
    chain = judgement.arc
    if chain is None or chain.result != "pass":
        return ""
    from testbed.authentication.results import read

    for one in reversed(chain.sets):
        if one.domain not in trusted:
            return ""
        _, said = read(one.results)
        if any(result.method == "dmarc" and result.result == "pass" for result in said):
            return one.domain
    return ""
