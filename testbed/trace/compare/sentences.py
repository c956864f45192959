"""Changes in words, by the rules of :mod:`testbed.trace.compare.rules`."""

from __future__ import annotations

from testbed.protocols.text import printable
from testbed.trace.compare.change import Change
from testbed.trace.compare.rules import RULES, is_gone

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


def sentence(change: Change) -> str:
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
        return f"{change.who} {f'no longer {deed}' if is_gone(change) else f'now {deed} {now}'}; before, {before}"
    return f"{words['who']} and {words['whom']}: {words['what']} is now {words['now']}; before, {words['before']}"


def _words(change: Change) -> dict[str, str]:
    value = change.now or change.before
    argument, _, reply = value.partition("\n") if change.kind.startswith("command-") else ("", "", "")
    name = _PSEUDO.get(change.what, change.what)
    return {
        "who": change.who,
        "whom": change.whom,
        "what": change.what,
        "said": (reply if not change.what else f"{name} {argument}".strip())[:_MOST],
        "before": _counted(change.kind, change.before)[:_MOST],
        "now": _counted(change.kind, change.now)[:_MOST],
        "by": change.now.rpartition(" by ")[2],
        "once_by": change.before.rpartition(" by ")[2],
        "detail": f" ({change.where})" if change.where else "",
        "sample": change.where,
    }


def _counted(kind: str, value: str) -> str:
    """A count in words, any other value as it is."""
    words = _COUNTED.get(kind.removeprefix("deed ").replace("holds-mail", "stored"))
    if words is None or not value.isdigit():
        return value or "nothing"
    return words[0] if value == "1" else f"{value} {words[1]}" if value != "0" else "never"
