"""What changes are called: a table of rules, one row each.  The first row that fits a change tells it.

A row's sentence names fields of the change: ``{who}``, ``{whom}``, ``{what}``, ``{before}``, ``{now}``, ``{detail}``;
also what was said (``{said}``), who closed (``{by}``, ``{once_by}``) and an example of a finding (``{sample}``).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from testbed.trace.compare.change import Change, Fate, FateChange, Value
from testbed.trace.compare.values import Ended, Replies
from testbed.trace.model.connection import Closure, Handshake

_BOUNCED, _TAKEN, _KEPT, _REFUSED = Fate.BOUNCED, Fate.TAKEN, Fate.KEPT, Fate.REFUSED
_NOTHING = (None, "", 0)


class Rule(Struct, frozen=True):
    """What a kind of change is called, when the row fits, and its sentence."""

    kind: str
    fits: Callable[[Change], bool]
    sentence: str


def _always(change: Change) -> bool:
    return True


def _new(change: Change) -> bool:
    return change.before in _NOTHING


def is_gone(change: Change) -> bool:
    """Whether nothing is left of what was there."""
    return change.now in _NOTHING


def _is(*words: str) -> Callable[[Change], bool]:
    return lambda change: change.what in words


def _fate(before: Fate, now: Fate, *, retried: bool | None = None) -> Callable[[Change], bool]:
    def fits(change: Change) -> bool:
        if not isinstance(change, FateChange) or change.fates != (before, now):
            return False
        return retried is None or change.retried is retried

    return fits


def _now(handshake: Handshake) -> Callable[[Change], bool]:
    return lambda change: change.now == handshake


def _closes(
    *, before: Closure | None = None, now: Closure | None = None, known: bool = False
) -> Callable[[Change], bool]:
    """A closure that becomes another; ``known`` where it is told who closed."""

    def fits(change: Change) -> bool:
        old, new = change.before, change.now
        if not isinstance(old, Ended) or not isinstance(new, Ended):
            return False
        return before in (None, old.closure) and now in (None, new.closure) and (not known or bool(old.by and new.by))

    return fits


class _Class(Enum):
    """What a reply means: its first digit, or its word."""

    OK = frozenset(("1", "2", "3", "+OK", "OK", "NOERROR"))
    TEMPORARY = frozenset(("4",))
    PERMANENT = frozenset(("5",))
    REFUSAL = frozenset(("4", "5", "-ERR", "NO", "BAD"))


def _classes(given: Value) -> list[_Class]:
    """What all replies mean."""
    codes = [status.code for status in given.statuses] if isinstance(given, Replies) else []
    return [each for each in _Class if codes and all(code in each.value or code[:1] in each.value for code in codes)]


def _answers(before: _Class, now: _Class) -> Callable[[Change], bool]:
    """A reply of one class that becomes one of another."""
    return lambda change: before in _classes(change.before) and now in _classes(change.now)


_BACK = "{who} now comes back to {whom} after {now}; before, after {before}"

RULES: tuple[Rule, ...] = (
    # What became of mail.
    Rule(
        "fate",
        _fate(_BOUNCED, _TAKEN, retried=False),
        "mail for {whom} is now taken from {who}; before, it bounced ({before})",
    ),
    Rule(
        "fate",
        _fate(_BOUNCED, _TAKEN, retried=True),
        "{who} now retries mail for {whom} after {now}, and it is taken; before, it bounced ({before})",
    ),
    Rule(
        "fate", _fate(_BOUNCED, _KEPT), "{who} now retries mail for {whom} after {now}; before, it bounced ({before})"
    ),
    Rule("fate", _fate(_TAKEN, _BOUNCED), "{who} now bounces mail for {whom} ({now}); before, it was taken"),
    Rule("fate", _fate(_KEPT, _BOUNCED), "{who} now bounces mail for {whom} ({now}); before, it kept it for a retry"),
    Rule("fate", _fate(_REFUSED, _BOUNCED), "{who} now bounces mail for {whom} ({now}); before, it did not"),
    Rule(
        "fate", _fate(_BOUNCED, _REFUSED), "{who} no longer notifies anybody of failed mail for {whom}; before, it did"
    ),
    Rule(
        "fate",
        _fate(_TAKEN, _KEPT),
        "mail for {whom} is no longer taken from {who}, which keeps it ({now}); before, it was taken",
    ),
    Rule("fate", _fate(_KEPT, _TAKEN), "mail for {whom} is now taken from {who}; before, it stayed there ({before})"),
    Rule("fate", _fate(_TAKEN, _REFUSED), "mail for {whom} is no longer taken from {who} ({now}); before, it was"),
    Rule("fate", _fate(_REFUSED, _TAKEN), "mail for {whom} is now taken from {who}; before, it was not ({before})"),
    Rule("fate", _fate(_KEPT, _REFUSED), "{who} no longer keeps mail for {whom} for a retry ({now})"),
    Rule("fate", _fate(_REFUSED, _KEPT), "{who} now keeps mail for {whom} for a retry; before, not ({before})"),
    Rule("copies", _always, "{who} now hands over mail for {whom} {now}; before, {before}"),
    Rule("bounces", _always, "{who} now bounces mail for {whom} {now}; before, {before}"),
    Rule("tries", is_gone, "{who} no longer retries mail for {whom}; before, it tried {before}"),
    Rule("tries", _always, "{who} now tries mail for {whom} {now}; before, {before}"),
    Rule("content", _always, "another message: {now}; before, {before}"),
    # Who goes where, in which order, when.
    Rule("order", _always, "{who} now goes to {now} first and to {before} after it; before, the other way round"),
    Rule("connections", _new, "{who} now also connects to {whom} ({what}), {now}; before, never"),
    Rule("connections", is_gone, "{who} no longer connects to {whom} ({what}); before, {before}"),
    Rule("connections", _always, "{who} now connects to {whom} ({what}) {now}; before, {before}"),
    Rule("return", _always, _BACK),
    Rule("first", _always, "{who} now first connects to {whom} ({what}) {now} into the trace; before, {before}"),
    Rule("address", _always, "{who} now goes to address {now} of {whom}; before, to address {before}"),
    # How connections open and end.
    Rule(
        "handshake", _now(Handshake.COMPLETE), "{who} now gets through to {whom}; before, the connection was {before}"
    ),
    Rule("handshake", _now(Handshake.REFUSED), "{whom} now refuses the connection of {who}; before, it was {before}"),
    Rule(
        "handshake",
        _now(Handshake.UNANSWERED),
        "{whom} no longer answers the SYN of {who}; before, the handshake was {before}",
    ),
    Rule(
        "handshake",
        _now(Handshake.UNREACHABLE),
        "{whom} is now unreachable for {who}; before, the handshake was {before}",
    ),
    Rule("handshake", _always, "the handshake of {who} with {whom} is now {now}; before, {before}"),
    Rule("syn", _always, "{who} now sends its SYN to {whom} {now}; before, {before}"),
    Rule("tls", _new, "{who} and {whom} now use TLS: {now}; before, none"),
    Rule("tls", is_gone, "{who} and {whom} no longer use TLS; before, {before}"),
    Rule("tls", _always, "the TLS between {who} and {whom} is now: {now}; before, {before}"),
    Rule("repeated", _new, "data between {who} and {whom} is now lost and sent again; before, it was not"),
    Rule("repeated", is_gone, "data between {who} and {whom} no longer has to be sent again; before, it had"),
    Rule(
        "ending",
        _closes(now=Closure.RESET),
        "the connection of {who} to {whom} now ends with an RST: {now}; before, {before}",
    ),
    Rule(
        "ending",
        _closes(before=Closure.RESET),
        "the connection of {who} to {whom} is no longer reset, but {now}; before, {before}",
    ),
    Rule(
        "ending",
        _closes(now=Closure.NORMAL, before=Closure.NORMAL, known=True),
        "the connection of {who} to {whom} is now closed by the {by} first; before, by the {once_by}",
    ),
    Rule(
        "ending",
        _closes(now=Closure.NORMAL),
        "the connection of {who} to {whom} is now closed: {now}; before, {before}",
    ),
    Rule("ending", _always, "the connection of {who} to {whom} now ends otherwise: {now}; before, {before}"),
    # What is said.
    Rule("command-new", _is("STARTTLS", "STLS"), "{who} now asks {whom} for TLS ({what}); before, it did not"),
    Rule("command-gone", _is("STARTTLS", "STLS"), "{who} no longer asks {whom} for TLS ({what})"),
    Rule("command-new", _is("AUTH", "AUTHENTICATE"), "{who} now authenticates at {whom} ({what})"),
    Rule("command-gone", _is("AUTH", "AUTHENTICATE"), "{who} no longer authenticates at {whom} ({what})"),
    Rule("command-new", _is("HELO"), "{who} now falls back to HELO at {whom}; before, it did not"),
    Rule("command-new", _is("QUIT", "LOGOUT"), "{who} now takes its leave of {whom} ({what})"),
    Rule("command-gone", _is("QUIT", "LOGOUT"), "{who} now leaves {whom} without {what}"),
    Rule("command-new", _is("message"), "{who} now sends the message to {whom}; before, it did not"),
    Rule("command-gone", _is("message"), "{who} no longer sends the message to {whom}"),
    Rule("command-new", _is(""), "{whom} now says {said} to {who} unasked"),
    Rule("command-gone", _is(""), "{whom} no longer says {said} to {who} unasked"),
    Rule("command-new", _always, "{who} now also says {said} to {whom}"),
    Rule("command-gone", _always, "{who} no longer says {said} to {whom}"),
    Rule("argument", _always, "{who} now says {what} {now} to {whom}; before, {what} {before}"),
    Rule("reply", _new, "{whom} now answers {said} of {who} with {now}; before, it did not answer"),
    Rule("reply", is_gone, "{whom} no longer answers {said} of {who}; before, it said {before}"),
    Rule(
        "reply",
        _answers(before=_Class.TEMPORARY, now=_Class.PERMANENT),
        "{whom} now refuses {said} of {who} for good: {now}; before, for now: {before}",
    ),
    Rule(
        "reply",
        _answers(before=_Class.PERMANENT, now=_Class.TEMPORARY),
        "{whom} now refuses {said} of {who} only for now: {now}; before, for good: {before}",
    ),
    Rule(
        "reply",
        _answers(before=_Class.OK, now=_Class.REFUSAL),
        "{whom} now refuses {said} of {who}: {now}; before, it said {before}",
    ),
    Rule(
        "reply",
        _answers(before=_Class.REFUSAL, now=_Class.OK),
        "{whom} no longer refuses {said} of {who}, but says {now}; before, {before}",
    ),
    Rule("reply", _always, "{whom} now answers {said} of {who} with {now}; before, with {before}"),
    Rule("reason", _always, "{whom} now says to {said} of {who}: '{now}'; before, '{before}'"),
    Rule("offer-new", _always, "{whom} now offers {now} to {who}"),
    Rule("offer-gone", _always, "{whom} no longer offers {before} to {who}"),
    Rule("size", _is("message"), "the message {who} sends to {whom} now has {now} octets; before, {before}"),
    Rule("size", _always, "{who} now announces {now} octets ({what}) to {whom}; before, {before}"),
    Rule("pipelining", _new, "{who} now sends {said} to {whom} without waiting for the reply before (pipelining)"),
    Rule("pipelining", is_gone, "{who} now waits for {whom}'s reply before it sends {said} (no pipelining)"),
    Rule("answer-time", _always, "{whom} now takes {now} to answer {said} of {who}; before, {before}"),
    Rule("patience", _always, "without an answer to {said}, {who} now waits {now} for {whom}; before, {before}"),
    Rule("message", is_gone, "{who} no longer hands over {before} to {whom} here"),
    Rule("message", _always, "{who} now hands over {now} to {whom}; before, {before}"),
    Rule("told", _always, "reading at {whom}, {who} now: {now}; before: {before}"),
    # DNS.
    Rule("question", _new, "{who} now asks {whom} for {what}; before, it did not"),
    Rule("question", is_gone, "{who} no longer asks {whom} for {what}; before, {before}"),
    Rule("question", _always, "{who} now asks {whom} for {what} {now}; before, {before}"),
    Rule("answer", _always, "{whom} now answers {who}'s question for {what} with {now}; before, with {before}"),
    # What hosts log.
    Rule("deed stored", is_gone, "{who} no longer stores mail for {whom}{detail}; before, {before}"),
    Rule("deed stored", _new, "{who} now stores {now} of mail for {whom}{detail}; before, none"),
    Rule("deed stored", _always, "{who} now stores {now} of mail for {whom}{detail}; before, {before}"),
    Rule("deed holds-mail", is_gone, "at the end, {who} no longer holds mail for {whom}{detail}; before, {before}"),
    Rule("deed holds-mail", _new, "at the end, {who} now holds {now} of mail for {whom}{detail}; before, none"),
    Rule("deed holds-mail", _always, "at the end, {who} now holds {now} of mail for {whom}{detail}; before, {before}"),
    Rule("deed holds-queue", _new, "at the end, {who}'s queue now holds mail for {whom}; before, it did not"),
    Rule("deed holds-queue", is_gone, "at the end, {who}'s queue no longer holds mail for {whom}"),
    Rule("deed bounced", _new, "{who} now bounces mail for {whom}{detail}; before, it did not"),
    Rule("deed bounced", is_gone, "{who} no longer bounces mail for {whom}{detail}"),
    Rule("deed notified", _new, "{who} now notifies the sender of mail for {whom}{detail}; before, it did not"),
    Rule("deed notified", is_gone, "{who} no longer notifies the sender of mail for {whom}{detail}"),
    Rule("deed discarded", _new, "{who} now drops mail for {whom} without telling anybody; before, it did not"),
    Rule("deed discarded", is_gone, "{who} no longer drops mail for {whom} without telling anybody"),
    Rule("deed crashed", _new, "{who} now crashes; before, it did not"),
    Rule("deed hop-failed", _new, "{who} now fails at a next hop{detail}; before, it did not"),
    Rule("deed tls-failed", _new, "a TLS handshake now fails at {who}; before, none did"),
    Rule("deed in-clear", _new, "{who} now goes on without TLS{detail}; before, it did not"),
    Rule("deed in-clear", is_gone, "{who} no longer goes on without TLS{detail}"),
    Rule("delay", _always, "{who} now means to try mail for {whom} again after {now}; before, after {before}"),
    Rule("body", _always, "the body of mail for {whom} that {who} stores is no longer the same, octet for octet"),
    # What the inspector finds.
    Rule("finding", _new, "a new finding, {what}: {sample}"),
    Rule("finding", is_gone, "a finding is gone, {what}: {sample}"),
    Rule("finding", _always, "the finding {what} now comes {now}; before, {before}: {sample}"),
)
