"""Changes in words, by the rules of :mod:`testbed.trace.compare.rules`."""

from __future__ import annotations

from testbed.protocols.text import printable
from testbed.trace.compare.change import Change, Said, Value
from testbed.trace.compare.rules import RULES, is_gone
from testbed.trace.compare.values import Ended

_MOST = 300  # characters of one value

# What a number counts, by kind of change.
_COUNTED = {
    "copies": ("once", "times"),
    "bounces": ("once", "times"),
    "tries": ("once", "times"),
    "connections": ("once", "times"),
    "syn": ("once", "times"),
    "question": ("once", "times"),
    "finding": ("once", "times"),
    "deed stored": ("1 copy", "copies"),
    "deed holds-mail": ("1 copy", "copies"),
}
# What a host does, by the event it logs, in sentences no rule has.
_DEEDS = {
    "accepted": "takes mail",
    "attempt": "tries mail",
    "authenticated": "checks who mail is from",
    "bounced": "bounces mail",
    "deferred": "puts off mail",
    "deleted": "deletes mail",
    "discarded": "drops mail",
    "expanded": "expands a list",
    "fetched": "fetches mail",
    "forwarded": "forwards mail",
    "hop-failed": "fails at a next hop",
    "kept-in-outbox": "keeps mail in its outbox",
    "notified": "notifies the sender of mail",
    "reading-failed": "fails to read mail",
    "refused": "refuses mail",
    "relayed": "hands on mail",
    "reused": "uses a connection again",
    "route": "looks for a route",
    "submission-failed": "fails to submit mail",
    "submitted": "submits mail",
}
_PSEUDO = {"connect": "the connection", "message": "the message", "": "unasked"}


def sentence(change: Change) -> str:
    """The sentence of a change, safe to show."""
    for rule in RULES:
        if rule.kind == change.kind and rule.fits(change):
            return printable(rule.sentence.format_map(_words(change)))
    return printable(_plainly(change))


def _plainly(change: Change) -> str:
    words = _words(change)
    if change.logged:
        deed = _DEEDS.get(change.what, f"logs '{change.what}'")
        deed += f" for {words['whom']}" * bool(change.whom) + words["detail"]
        now, before = _counted("tries", change.now), _counted("tries", change.before)
        return f"{change.who} {f'no longer {deed}' if is_gone(change) else f'now {deed} {now}'}; before, {before}"
    return f"{words['who']} and {words['whom']}: {words['what']} is now {words['now']}; before, {words['before']}"


def _words(change: Change) -> dict[str, str]:
    return {
        "who": change.who,
        "whom": change.whom,
        "what": change.what,
        "said": _said(change)[:_MOST],
        "before": _counted(change.kind, change.before)[:_MOST],
        "now": _counted(change.kind, change.now)[:_MOST],
        "by": change.now.by if isinstance(change.now, Ended) else "",
        "once_by": change.before.by if isinstance(change.before, Ended) else "",
        "detail": f" ({change.detail})" if change.detail else "",
        "sample": change.detail,
    }


def _said(change: Change) -> str:
    """The command, or what a server said unasked."""
    said = change.now or change.before
    name = _PSEUDO.get(change.what, change.what)
    if not isinstance(said, Said):
        return name
    return str(said.reply or "") if not change.what else f"{name} {said.argument}".strip()


def _counted(kind: str, value: Value) -> str:
    """A count in words, any other value as it is."""
    if not isinstance(value, int) or kind not in _COUNTED:
        return "nothing" if value is None else str(value) or "nothing"
    one, many = _COUNTED[kind]
    return one if value == 1 else f"{value} {many}" if value else "never"
