"""What there is to say of who sent the messages of a capture, in a sentence each.

What is unknown is a value of its message, never a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testbed.authentication.changes import words
from testbed.authentication.damage import Damage
from testbed.protocols.header import named
from testbed.trace.authentication.judged import UNKNOWN, Account, Check, Claim, Judged, Method, Passage
from testbed.trace.model.finding import Finding, Severity

_SPF = {
    "fail": (Severity.WARNING, "RFC 7208 §8.4"),
    "softfail": (Severity.INFO, "RFC 7208 §8.5"),
    "permerror": (Severity.WARNING, "RFC 7208 §8.7"),
    "temperror": (Severity.INFO, "RFC 7208 §8.6"),
}
_DKIM = {
    "fail": (Severity.WARNING, "RFC 6376 §6.1.3"),
    "permerror": (Severity.WARNING, "RFC 6376 §6.1.2"),
    "temperror": (Severity.INFO, "RFC 6376 §6.1.2"),
}
_MOST_REASONS, _MOST_FIELDS = 3, 5
_BROKEN_BEFORE = frozenset(("fail", "permerror", "neutral"))
_CAUSES: dict[str, tuple[Method, str]] = {
    "spf-failed": ("spf", "SPF"),
    "dkim-failed": ("dkim", "DKIM"),
    "dmarc-failed": ("dmarc", "DMARC"),
    "no-reverse-dns": ("ptr", "the client's name"),
    "block-listed": ("dnsbl", "a block list"),
    "block-list-unusable": ("dnsbl", "a block list"),
}
_REFERENCES = {
    "no-reverse-dns": "RFC 8601 §3",
    "block-listed": "RFC 5782 §2",
    "block-list-unusable": "RFC 6471 §3.4",
}
_NOT_LISTED = ("not listed", "refused", "broken")
_GOOD = ("pass", *_NOT_LISTED)


def findings_of(account: Account) -> Iterator[Finding]:
    """All of it: what was changed on the way, what fails, what servers said and whether that is so."""
    explained = {
        (passage.after.connection, passage.after.transaction, damage.domain, damage.selector)
        for passage in account.passages
        for damage in passage.damages
        if damage.broken
    }
    yield from _once(finding for passage in account.passages for finding in _of_passage(passage))
    yield from _once(finding for judged in account.judged for finding in _of_spf(judged))
    yield from _once(_of_signatures(account.judged, explained))
    yield from _once(finding for judged in account.judged for finding in _of_dmarc_and_arc(judged))
    yield from (finding for judged in account.judged for finding in _of_refusal(judged))
    yield from _once(finding for claim in account.claims for finding in _of_claim(claim))


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    told = set[tuple[str, str]]()
    for finding in findings:
        if (finding.code, finding.text) not in told:
            told.add((finding.code, finding.text))
            yield finding


def _of_passage(passage: Passage) -> Iterator[Finding]:
    """What broke a signature, or was written behind what one covers; what broke none is a value only."""
    host, done = passage.before.server.label, words(passage.changes)
    frames = tuple(dict.fromkeys((*passage.before.frames, *passage.after.frames)))
    numbers = tuple(dict.fromkeys((passage.before.connection, passage.after.connection)))
    did = f"{host} {done or 'changed what is signed'} in {named(passage.before.message_id)}"
    for damage in passage.damages:
        before = {check.result for check in passage.before.of("dkim") if _is_of(check, damage)}
        if damage.broken and not before & _BROKEN_BEFORE:
            text = f"{did}: {_unfit(damage, known=UNKNOWN not in before)}"
            yield Finding("signature-broken-on-the-way", Severity.WARNING, text, frames, "RFC 6376 §3.7", numbers)
        elif damage.uncovered and not damage.broken:
            text = f"{did}; the signature of {damage.domain} does not cover the end (l=), so it still fits"
            yield Finding("unsigned-text-added", Severity.WARNING, text, frames, "RFC 6376 §8.2", numbers)


def _is_of(check: Check, damage: Damage) -> bool:
    return (check.domain, check.selector) == (damage.domain, damage.selector)


def _unfit(damage: Damage, *, known: bool) -> str:
    """What of a signature no longer fits.  That its header did fit is only known with its key."""
    fields = ", ".join(_spelt(name) for name in damage.fields[:_MOST_FIELDS])
    if not damage.body and not known:
        return f"the signature of {damage.domain} covers {fields}"
    parts = ["the body hash"] if damage.body else []
    parts += [f"the signed {fields}"] if fields else []
    fit = "fits" if len(parts) == 1 and len(damage.fields) < 2 else "fit"
    return f"{' and '.join(parts)} of {damage.domain} no longer {fit}"


def _of_spf(judged: Judged) -> Iterator[Finding]:
    for check in judged.of("spf"):
        if check.result in _SPF:
            severity, reference = _SPF[check.result]
            text = f"SPF of {check.domain} is {check.result} for {judged.client.label}: {check.reason}"
            yield _finding(judged, f"spf-{check.result}", severity, text, reference, (check,))


def _of_signatures(every: Iterable[Judged], explained: set[tuple[int, int, str, str]]) -> Iterator[Finding]:
    """Signatures that do not pass, where that is first seen and nobody is seen breaking them."""
    told = set[tuple[str, str, str, str]]()
    for judged in every:
        for check in judged.of("dkim"):
            key = judged.message_id, check.domain, check.selector, check.result
            is_explained = (judged.connection, judged.transaction, check.domain, check.selector) in explained
            if check.result not in _DKIM or key in told:
                continue
            told.add(key)
            if not is_explained:
                severity, reference = _DKIM[check.result]
                text = f"the signature of {check.domain} in {named(judged.message_id)}: {check.result}, {check.reason}"
                yield _finding(judged, f"dkim-{check.result}", severity, text, reference, (check,))


def _of_dmarc_and_arc(judged: Judged) -> Iterator[Finding]:
    for check in judged.of("dmarc"):
        if check.result == "fail":
            text = f"DMARC of {check.domain} fails for {named(judged.message_id)}: {check.reason}; its policy"
            text += f" is {check.policy}"
            text += f", and {judged.server.label} took it" if judged.taken else ""
            severity = Severity.INFO if check.policy == "none" else Severity.WARNING
            yield _finding(judged, "dmarc-fail", severity, text, "RFC 9989 §5.3", judged.checks)
    for check in judged.of("arc"):
        if check.result == "fail":
            text = f"the ARC chain of {named(judged.message_id)} does not hold: {check.reason}"
            yield _finding(judged, "arc-fail", Severity.WARNING, text, "RFC 8617 §5.2", (check,))


def _of_refusal(judged: Judged) -> Iterator[Finding]:
    """A refusal for who sent it, beside what was found here."""
    if judged.taken or not judged.cause or not judged.statuses:
        return
    borne_out = _borne_out(judged)
    if borne_out is None:
        return
    relevant = _of_cause(judged)
    checks = [check for check in relevant if check.known and (check.result in _GOOD) is not borne_out]
    proof = "; ".join(filter(None, (check.reason for check in checks[:_MOST_REASONS])))
    server, status = judged.server.label, judged.statuses[0]
    what = _CAUSES[judged.cause][1] if judged.cause in _CAUSES else "its sender"
    reference = _REFERENCES.get(judged.cause, "RFC 7372 §3")
    refused = named(judged.message_id) if judged.whole else f"mail from {judged.client.label}"
    said = f"{server} refused {refused} with {status} because of {what}"
    if borne_out:
        text = f"{said}, and the capture bears it out" + (f": {proof}" if proof else "")
        yield _finding(judged, "refusal-borne-out", Severity.INFO, text, reference, checks)
    else:
        text = f"{said}, but the capture says otherwise" + (f": {proof}" if proof else "")
        yield _finding(judged, "refusal-contradicted", Severity.WARNING, text, reference, checks)


def _borne_out(judged: Judged) -> bool | None:
    """Whether a refusal is right, by the result it names; None where that is not known."""
    if judged.cause == "sender-unauthenticated":  # receivers differ in what they want; all want one of these
        checks = _of_cause(judged)
        passed = {check.method for check in checks if check.result == "pass"}
        unknown = any(not check.known for check in checks)
        if {"spf", "dkim", "dmarc"} <= passed:
            return False
        return True if judged.whole and not passed and not unknown else None
    if judged.cause not in _CAUSES:
        return None
    method = _CAUSES[judged.cause][0]
    checks = _of_cause(judged)
    if method == "dnsbl":
        return _listed(judged, checks)
    if method == "ptr" and not any(".7.25" in status for status in judged.statuses):
        return True if any(check.result in ("fail", "permerror") for check in checks) else None
    if method == "dkim" and len({check.result == "pass" for check in checks}) > 1:
        return None  # one that does not fit may be what the server wants to
    if any(check.result == "pass" for check in checks):
        return False
    if method == "dkim":
        return True if judged.whole and all(check.known for check in checks) else None
    results = {check.result for check in checks}
    if method == "dmarc" and results == {"none"}:
        return False  # there is no policy to refuse it by
    return True if results & {"fail", "softfail", "permerror"} else None


def _of_cause(judged: Judged) -> tuple[Check, ...]:
    """The results that a refusal is about; of block lists those that its words name, where they name any."""
    if judged.cause not in _CAUSES:
        return tuple(check for check in judged.checks if check.method not in ("ptr", "dnsbl"))
    checks = judged.of(_CAUSES[judged.cause][0])
    return tuple(check for check in checks if check.domain in judged.lists) or checks


def _listed(judged: Judged, checks: tuple[Check, ...]) -> bool | None:
    """Whether a block list says what it was refused for; where no list is named, another may have."""
    if any(check.result == "listed" for check in checks):
        return True
    named = bool(judged.lists) or judged.cause == "block-list-unusable"
    return False if named and checks and all(check.result in _NOT_LISTED for check in checks) else None


def _of_claim(claim: Claim) -> Iterator[Finding]:
    if claim.agrees is not False:
        return
    message = named(claim.judged.message_id)
    text = f"{claim.server} wrote {claim.method}={claim.said} for {claim.found.domain} into {message}"
    text += f", but the capture says {claim.found.result}: {claim.found.reason}"
    frames = tuple(dict.fromkeys((*claim.judged.frames, *claim.found.frames, *claim.frames)))
    number = claim.judged.connection
    yield Finding("results-contradicted", Severity.WARNING, text, frames, "RFC 8601 §2.2", (number,))


def _finding(
    judged: Judged, code: str, severity: Severity, text: str, reference: str, checks: Iterable[Check]
) -> Finding:
    frames = (*judged.frames, *judged.reply_frames, *(frame for check in checks for frame in check.frames))
    return Finding(code, severity, text, tuple(dict.fromkeys(frames)), reference, (judged.connection,))


def _spelt(name: str) -> str:
    """A field's name as people write it."""
    return "-".join(part.capitalize() for part in name.split("-")).replace("Message-Id", "Message-ID")
