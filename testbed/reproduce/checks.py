"""What servers check of mail from strangers, as their questions show, and what they do with the results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from testbed.authentication.policy import defaults
from testbed.authentication.words import AS_PUBLISHED, Check
from testbed.reproduce.answers import Asked
from testbed.reproduce.draft import Data, Draft
from testbed.reproduce.parties import Cast
from testbed.reproduce.replies import said_lines
from testbed.reproduce.visits import Visit
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Reply, Transaction

_ORDER: tuple[Check, ...] = ("spf", "dkim", "dmarc", "arc", "ptr", "dnsbl")
_CODES = {"spf": "7.23", "dkim": "7.20", "dmarc": "7.26", "arc": "7.29", "ptr": "7.25", "dnsbl": "7.1"}
_LISTED = re.compile(r"^(?:\d{1,3}\.){4}(?P<zone>[^.].*)$")
_NO_SENDER = ("_mta-sts.", "_smtp.", "_dmarc.", "_report.", "_tcp.", "_adsp.")


def checks(
    draft: Draft, cast: Cast, analysis: Analysis, questions: Sequence[Asked], visits: Sequence[Visit]
) -> set[int]:
    """Add them to the servers; gives the frames of replies that come of them."""
    explained: set[int] = set()
    for party in cast.parties.values():
        if party.role not in ("relay", "receiver"):
            continue
        asked = [one for one in questions if cast.named(one.client) is party]
        ours = [visit for visit in visits if visit.server is party]
        found = _checked(asked, ours)
        if not found:
            continue
        host = draft.host(party.name)
        host["checks"] = [check for check in _ORDER if check in found]
        if zones := sorted({match["zone"] for one in asked if one.kind == "A" and (match := _LISTED.match(one.name))}):
            host["block_lists"] = zones[0] if len(zones) == 1 else zones
        policy = _policy(analysis, cast, ours, found, explained)
        if policy:
            host["policy"] = policy
    return explained


def _checked(asked: Sequence[Asked], ours: Sequence[Visit]) -> set[Check]:
    found: set[Check] = set()
    strangers = [visit for visit in ours if visit.connection.service != "lmtp"]
    if not strangers:
        return found
    names = {one.name for one in asked if one.kind == "TXT"}
    texts = " ".join(record.text for one in asked for record in one.records if record.kind == "TXT").lower()
    if any(name.startswith("_dmarc.") for name in names):
        found.add("dmarc")
    if any("._domainkey." in name for name in names):
        found.add("dkim")
    if any("._domainkey." not in name and not any(word in name for word in _NO_SENDER) for name in names):
        found.add("spf")
    if (
        any(b"arc-seal:" in t.letter.header.lower() for v in strangers for t in v.connection.transactions)
        and "dkim" in found
    ):
        found.add("arc")
    if any(one.kind == "PTR" for one in asked) and "ptr" not in texts and "%{p" not in texts:
        found.add("ptr")
    if any(one.kind == "A" and _LISTED.match(one.name) for one in asked):
        found.add("dnsbl")
    return found


def _policy(analysis: Analysis, cast: Cast, visits: Sequence[Visit], checked: set[Check], explained: set[int]) -> Data:
    policy: Data = {}
    usual = defaults(checked)
    for visit in visits:
        for place, transaction in enumerate(visit.connection.transactions):
            results = dict(_results(analysis, visit, place, checked))
            refusal = _refusal(transaction)
            causes = [f"{check} {result}" for check, (result, _) in results.items()]
            expected = [
                cause
                for cause in causes
                if usual.get(cause) in ("refuse", "later")
                or (usual.get(cause) == AS_PUBLISHED and results["dmarc"][1] == "reject")
            ]
            if refusal is None:
                if any(to.accepted for to in transaction.recipients):
                    policy.update({cause: "accept" for cause in expected if cause not in policy})
                continue
            by_itself = [c for c in expected if _CODES[c.split()[0]] in refusal.enhanced]
            if by_itself or _of_unseen(refusal, checked):
                explained.update(refusal.frames)
                continue
            cause = next((c for c in reversed(causes) if c.split()[1] not in ("pass",)), "")
            if cause and refusal.enhanced[2:3] == "7":
                policy[cause] = said_lines(refusal, cast.names)[-1]
                explained.update(refusal.frames)
    return policy


def _results(
    analysis: Analysis, visit: Visit, place: int, checked: set[Check]
) -> Iterator[tuple[Check, tuple[str, str]]]:
    """The result of each check that is made, with what DMARC's record asks for."""
    account = analysis.authentication
    judged = account.of(visit.connection.number, place) if account is not None else None
    if judged is None:
        return
    for check in _ORDER[:4]:
        found = [one for one in judged.checks if one.method == check and one.known]
        if not found or not (check in checked or (check in ("spf", "dkim") and "dmarc" in checked)):
            continue
        best = next((one for one in found if one.result == "pass"), found[0])
        yield check, (best.result, best.policy)


def _refusal(transaction: Transaction) -> Reply | None:
    replies = [to.decisive for to in transaction.recipients if not to.accepted and to.decisive is not None]
    return replies[0] if replies else None


def _of_unseen(refusal: Reply, checked: set[Check]) -> bool:
    """Whether a name or a block list is why, which no result tells."""
    return any(check in checked and refusal.enhanced.endswith(_CODES[check]) for check in ("ptr", "dnsbl"))
