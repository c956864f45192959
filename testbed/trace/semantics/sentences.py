"""Changes in words: a table of rules, one row each.  The first row that fits a change tells it.

A row's sentence may name the fields of the change (``{who}``, ``{whom}``, ``{what}``, ``{before}``, ``{now}``,
``{where}``), the service (``{service}``) and its verb's object (``{said}``).  What nobody foresaw is told plainly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from testbed.protocols.text import printable
from testbed.trace.semantics.change import Change

_MOST = 300  # characters of one value


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind of change is called, when the row fits, and its sentence."""

    kind: str
    fits: Callable[[Change], bool]
    sentence: str


def _always(change: Change) -> bool:
    return True


def _new(change: Change) -> bool:
    return change.before in ("", "0")


def _gone(change: Change) -> bool:
    return change.now in ("", "0")


def _is(*words: str) -> Callable[[Change], bool]:
    return lambda change: change.what in words


def _now(*words: str) -> Callable[[Change], bool]:
    return lambda change: change.now.startswith(words)


def _from(old: str, new: str) -> Callable[[Change], bool]:
    """A reply of one class that becomes one of another: ``4`` to ``5``."""
    return lambda change: change.before.startswith(_CLASSES[old]) and change.now.startswith(_CLASSES[new])


_CLASSES = {
    "ok": ("1", "2", "3", "+OK", "OK", "NOERROR"),
    "temporary": ("4",),
    "permanent": ("5",),
    "refusal": ("4", "5", "-ERR", "NO ", "NO", "BAD"),
    "anything": ("",),
}

_BACK = "{who} now comes back to {whom} after {now}; before, after {before}"

RULES: tuple[Rule, ...] = (
    # What became of mail.
    Rule(
        "fate",
        _is("bounced>taken"),
        "{who} now retries mail for {whom} after {before}, and it is taken; before, it bounced",
    ),
    Rule("fate", _is("bounced>kept"), "{who} now retries mail for {whom} after {before}; before, it bounced"),
    Rule("fate", _is("taken>bounced"), "{who} now bounces mail for {whom} ({now}); before, it was taken"),
    Rule(
        "fate", _is("kept>bounced"), "{who} now bounces mail for {whom} ({now}); before, it kept it and would try again"
    ),
    Rule("fate", _is("refused>bounced"), "{who} now bounces mail for {whom} ({now}); before, it did not"),
    Rule("fate", _is("bounced>refused"), "{who} no longer bounces mail for {whom}: nobody is told; before, it bounced"),
    Rule(
        "fate",
        _is("taken>kept"),
        "mail for {whom} is no longer taken from {who}, which keeps it ({now}); before, it was taken",
    ),
    Rule("fate", _is("kept>taken"), "mail for {whom} is now taken from {who}; before, it stayed there ({before})"),
    Rule("fate", _is("taken>refused"), "mail for {whom} is no longer taken from {who} ({now}); before, it was"),
    Rule("fate", _is("refused>taken"), "mail for {whom} is now taken from {who}; before, it was refused it ({before})"),
    Rule("fate", _is("kept>refused"), "{who} no longer keeps mail for {whom} to try again ({now}); before, it did"),
    Rule("fate", _is("refused>kept"), "{who} now keeps mail for {whom} to try again; before, it did not ({before})"),
    Rule("copies", _always, "{who} now hands over mail for {whom} {now}; before, {before}"),
    Rule("bounces", _always, "{who} now bounces mail for {whom} {now}; before, {before}"),
    Rule("tries", _now("0"), "{who} no longer retries mail for {whom}; before, it tried {before}"),
    Rule("tries", _always, "{who} now tries mail for {whom} {now}; before, {before}"),
    Rule("content", _always, "another message: {now}; before, {before}"),
    # Who goes where, in which order, when.
    Rule("order", _always, "{who} now goes to {now} first and to {before} after it; before, the other way round"),
    Rule("connections", _new, "{who} now also connects to {whom} ({service}), {now}; before, never"),
    Rule("connections", _gone, "{who} no longer connects to {whom} ({service}); before, {before}"),
    Rule("connections", _always, "{who} now connects to {whom} ({service}) {now}; before, {before}"),
    Rule("return", _always, _BACK),
    Rule("first", _always, "{who} now first connects to {whom} ({service}) {now} into the trace; before, {before}"),
    Rule("address", _always, "{who} now goes to address {now} of {whom}; before, to address {before}{where}"),
    # How connections open and end.
    Rule("handshake", _now("complete"), "{who} now gets through to {whom}; before, the connection was {before}{where}"),
    Rule("handshake", _now("refused"), "{whom} now refuses the connection of {who}; before, it was {before}{where}"),
    Rule(
        "handshake",
        _now("unanswered"),
        "{whom} no longer answers the SYN of {who}; before, the handshake was {before}{where}",
    ),
    Rule(
        "handshake",
        _now("unreachable"),
        "{whom} is now unreachable for {who}; before, the handshake was {before}{where}",
    ),
    Rule("handshake", _always, "the handshake of {who} with {whom} is now {now}; before, {before}{where}"),
    Rule("syn", _always, "{who} now sends its SYN to {whom} {now}; before, {before}{where}"),
    Rule("tls", _new, "{who} and {whom} now use TLS: {now}; before, none{where}"),
    Rule("tls", _gone, "{who} and {whom} no longer use TLS; before, {before}{where}"),
    Rule("tls", _always, "the TLS between {who} and {whom} is now: {now}; before, {before}{where}"),
    Rule("repeated", _new, "data between {who} and {whom} is now lost and sent again; before, it was not{where}"),
    Rule("repeated", _gone, "data between {who} and {whom} no longer has to be sent again; before, it had{where}"),
    Rule(
        "ending", _now("reset"), "the connection of {who} to {whom} now ends by a RST: {now}; before, {before}{where}"
    ),
    Rule(
        "ending",
        lambda c: c.before.startswith("reset"),
        "the connection of {who} to {whom} is no longer reset, but {now}; before, {before}{where}",
    ),
    Rule(
        "ending",
        lambda c: c.before.startswith("normal by") and c.now.startswith("normal by"),
        "the connection of {who} to {whom} is now closed first by the other side: {now}; before, {before}{where}",
    ),
    Rule("ending", _now("normal"), "the connection of {who} to {whom} is now closed: {now}; before, {before}{where}"),
    Rule("ending", _always, "the connection of {who} to {whom} now ends otherwise: {now}; before, {before}{where}"),
    # What is said.
    Rule("command-new", _is("STARTTLS", "STLS"), "{who} now asks {whom} for TLS ({what}); before, it did not{where}"),
    Rule("command-gone", _is("STARTTLS", "STLS"), "{who} no longer asks {whom} for TLS ({what}){where}"),
    Rule("command-new", _is("AUTH", "AUTHENTICATE"), "{who} now authenticates at {whom} ({what}){where}"),
    Rule("command-gone", _is("AUTH", "AUTHENTICATE"), "{who} no longer authenticates at {whom} ({what}){where}"),
    Rule("command-new", _is("HELO"), "{who} now falls back to HELO at {whom}; before, it did not{where}"),
    Rule("command-new", _is("QUIT", "LOGOUT"), "{who} now takes its leave of {whom} ({what}){where}"),
    Rule("command-gone", _is("QUIT", "LOGOUT"), "{who} now leaves {whom} without {what}{where}"),
    Rule("command-new", _is("message"), "{who} now sends the message to {whom}; before, it did not{where}"),
    Rule("command-gone", _is("message"), "{who} no longer sends the message to {whom}{where}"),
    Rule("command-new", _is(""), "{whom} now says {said} to {who} unasked{where}"),
    Rule("command-gone", _is(""), "{whom} no longer says {said} to {who} unasked{where}"),
    Rule("command-new", _always, "{who} now also says {said} to {whom}{where}"),
    Rule("command-gone", _always, "{who} no longer says {said} to {whom}{where}"),
    Rule("argument", _always, "{who} now says {what} {now} to {whom}; before, {what} {before}{where}"),
    Rule("reply", _new, "{whom} now answers {said} of {who} with {now}; before, it did not answer{where}"),
    Rule("reply", _gone, "{whom} no longer answers {said} of {who}; before, it said {before}{where}"),
    Rule(
        "reply",
        _from("temporary", "permanent"),
        "{whom} now refuses {said} of {who} for good: {now}; before, for now: {before}{where}",
    ),
    Rule(
        "reply",
        _from("permanent", "temporary"),
        "{whom} now refuses {said} of {who} only for now: {now}; before, for good: {before}{where}",
    ),
    Rule("reply", _from("ok", "refusal"), "{whom} now refuses {said} of {who}: {now}; before, it said {before}{where}"),
    Rule(
        "reply",
        _from("refusal", "ok"),
        "{whom} no longer refuses {said} of {who}, but says {now}; before, {before}{where}",
    ),
    Rule("reply", _always, "{whom} now answers {said} of {who} with {now}; before, with {before}{where}"),
    Rule("reason", _always, "{whom} now says to {said} of {who}: '{now}'; before, '{before}'{where}"),
    Rule("offer-new", _always, "{whom} now offers {now} to {who}{where}"),
    Rule("offer-gone", _always, "{whom} no longer offers {before} to {who}{where}"),
    Rule("size", _is("message"), "the message {who} sends to {whom} now has {now} octets; before, {before}{where}"),
    Rule("size", _always, "{who} now announces {now} octets ({what}) to {whom}; before, {before}{where}"),
    Rule(
        "pipelining", _new, "{who} now sends {said} to {whom} without waiting for the reply before (pipelining){where}"
    ),
    Rule("pipelining", _gone, "{who} now waits for {whom}'s reply before it sends {said} (no pipelining){where}"),
    Rule("answer-time", _always, "{whom} now takes {now} to answer {said} of {who}; before, {before}{where}"),
    Rule("patience", _always, "without an answer to {said}, {who} now waits {now} for {whom}; before, {before}{where}"),
    Rule("message", _gone, "{who} no longer hands over {before} to {whom} here{where}"),
    Rule("message", _always, "{who} now hands over {now} to {whom}; before, {before}{where}"),
    Rule("told", _always, "reading at {whom}, {who} now: {now}; before: {before}{where}"),
    # DNS.
    Rule("question", _new, "{who} now asks {whom} for {what}; before, it did not"),
    Rule("question", _gone, "{who} no longer asks {whom} for {what}; before, {before}"),
    Rule("question", _always, "{who} now asks {whom} for {what} {now}; before, {before}"),
    Rule("answer", _always, "{whom} now answers {who}'s question for {what} with {now}; before, with {before}"),
    # What hosts log.
    Rule("deed stored", _gone, "{who} no longer stores mail for {whom}{detail}; before, {before}"),
    Rule("deed stored", _new, "{who} now stores {now} of mail for {whom}{detail}; before, none"),
    Rule("deed stored", _always, "{who} now stores {now} of mail for {whom}{detail}; before, {before}"),
    Rule("deed holds-mail", _gone, "at the end, {who} no longer holds mail for {whom}{detail}; before, {before}"),
    Rule("deed holds-mail", _new, "at the end, {who} now holds {now} of mail for {whom}{detail}; before, none"),
    Rule("deed holds-mail", _always, "at the end, {who} now holds {now} of mail for {whom}{detail}; before, {before}"),
    Rule("deed holds-queue", _new, "at the end, {who}'s queue now holds mail for {whom}; before, it did not"),
    Rule("deed holds-queue", _gone, "at the end, {who}'s queue no longer holds mail for {whom}"),
    Rule("deed bounced", _new, "{who} now bounces mail for {whom}{detail}; before, it did not"),
    Rule("deed bounced", _gone, "{who} no longer bounces mail for {whom}{detail}"),
    Rule("deed notified", _new, "{who} now notifies the sender of mail for {whom}{detail}; before, it did not"),
    Rule("deed notified", _gone, "{who} no longer notifies the sender of mail for {whom}{detail}"),
    Rule("deed discarded", _new, "{who} now drops mail for {whom} without telling anybody; before, it did not"),
    Rule("deed discarded", _gone, "{who} no longer drops mail for {whom} without telling anybody"),
    Rule("deed crashed", _new, "{who} now crashes; before, it did not"),
    Rule("deed hop-failed", _new, "{who} now fails at a next hop{detail}; before, it did not"),
    Rule("deed tls-failed", _new, "a TLS handshake now fails at {who}; before, none did"),
    Rule("deed in-clear", _new, "{who} now goes on without TLS{detail}; before, it did not"),
    Rule("deed in-clear", _gone, "{who} no longer goes on without TLS{detail}"),
    Rule("delay", _always, "{who} now means to try mail for {whom} again after {now}; before, after {before}"),
    Rule(
        "body",
        _always,
        "the body of mail for {whom} that {who} stores is no longer the same, octet for octet",
    ),
    # What the inspector finds.
    Rule("finding", _new, "a new finding, {what}: {sample}"),
    Rule("finding", _gone, "a finding is gone, {what}: {sample}"),
    Rule("finding", _always, "the finding {what} now comes {now}; before, {before}: {sample}"),
)

# What a number counts, by kind of change.
_COUNTED = {
    "copies": ("once", "times"),
    "bounces": ("once", "times"),
    "tries": ("once", "times"),
    "connections": ("once", "times"),
    "syn": ("once", "times"),
    "question": ("once", "times"),
    "finding": ("once", "times"),
    "deed": ("1 copy", "copies"),
    "stored": ("1 copy", "copies"),
}
# What a host does, by the event it logs, in sentences no rule has.
_DEEDS = {
    "accepted": "takes mail",
    "attempt": "tries mail",
    "bounced": "bounces mail",
    "deferred": "puts off mail",
    "deleted": "deletes mail",
    "discarded": "drops mail",
    "fetched": "fetches mail",
    "forwarded": "forwards mail",
    "hop-failed": "fails at a next hop",
    "kept-in-outbox": "keeps mail in its outbox",
    "notified": "notifies the sender of mail",
    "reading-failed": "fails to read mail",
    "refused": "refuses mail",
    "relayed": "hands on mail",
    "route": "looks for a route",
    "submission-failed": "fails to submit mail",
    "submitted": "submits mail",
}
_PSEUDO = {"connect": "the connection", "message": "the message", "": "unasked"}


def told(change: Change) -> str:
    """The sentence of a change, safe to show."""
    for rule in RULES:
        if rule.kind == change.kind and rule.fits(change):
            return printable(rule.sentence.format_map(_words(change)))
    return printable(_plainly(change))


def _plainly(change: Change) -> str:
    words = _words(change)
    if change.kind.startswith("deed "):
        deed = _DEEDS.get(change.what, f"logs '{change.what}'")
        deed += f" for {words['whom']}" * bool(change.whom) + words["detail"]
        now, before = _counted("tries", change.now), _counted("tries", change.before)
        return f"{change.who} {f'no longer {deed}' if _gone(change) else f'now {deed} {now}'}; before, {before}"
    return f"{words['who']} and {words['whom']}: {words['what']} is now {words['now']}; before, {words['before']}"


def _words(change: Change) -> dict[str, str]:
    value = change.now or change.before
    argument, _, reply = value.partition("\n") if change.kind.startswith("command-") else ("", "", "")
    name = _PSEUDO.get(change.what, change.what)
    return {
        "who": change.who,
        "whom": change.whom,
        "what": change.what,
        "service": change.what,
        "said": (reply if not change.what else f"{name} {argument}".strip())[:_MOST],
        "before": _counted(change.kind, change.before)[:_MOST],
        "now": _counted(change.kind, change.now)[:_MOST],
        "where": f" ({change.where})" if change.where else "",
        "detail": f" ({change.where})" if change.where else "",
        "sample": change.where,
    }


def _counted(kind: str, value: str) -> str:
    """A count in words, any other value as it is."""
    words = _COUNTED.get(kind.removeprefix("deed ").replace("holds-mail", "stored"))
    if words is None or not value.isdigit():
        return value or "nothing"
    return words[0] if value == "1" else f"{value} {words[1]}" if value != "0" else "never"
