"""What somebody on the way did to a message, as values and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from testbed.plural import count

OfHeader = Literal["field-added", "field-removed", "field-changed", "field-folded", "fields-reordered"]
OfBody = Literal[
    "body-encoded",
    "lines-added-at-end",
    "lines-added-at-beginning",
    "lines-removed-at-end",
    "lines-removed-at-beginning",
    "lines-changed",
    "lines-wrapped",
    "line-ends",
    "white-space",
    "empty-lines-at-end",
    "dots-added",
    "dots-lost",
]
_LONGEST, _MOST_NAMED = 60, 6
# Whoever handles a message writes these on top of it (RFC 5321 §4.4, RFC 8601, RFC 8617, RFC 6376).
_TRACE = frozenset(
    (
        "received",
        "return-path",
        "delivered-to",
        "x-original-to",
        "authentication-results",
        "received-spf",
        "dkim-signature",
        "arc-seal",
        "arc-message-signature",
        "arc-authentication-results",
    )
)


class Change(Struct, frozen=True):
    """One thing that was done.

    ``name`` is that of the field, as it was written; ``before`` and ``after`` are texts, safe to show and shortened: of
    a field its value, of lines the first.  ``lines`` counts them, ``at`` is the first one's number, from 1.
    """

    kind: OfHeader | OfBody
    name: str = ""
    before: str = ""
    after: str = ""
    lines: int = 0
    at: int = 0

    @property
    def of_body(self) -> bool:
        """Whether it changed the body; else the header."""
        return not self.name

    @property
    def is_trace(self) -> bool:
        """Whether it is a field that hosts write on top of whatever passes."""
        return self.kind == "field-added" and self.name.lower() in _TRACE


def words(changes: Iterable[Change]) -> str:
    """What was done, behind a name: ``added 3 lines at the end and put '[list]' before the Subject``.

    Fields of trace go without saying; ``""`` when nothing else was done.
    """
    told = list(_told([change for change in changes if not change.is_trace]))
    return f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)


def _told(changes: list[Change]) -> Iterator[str]:
    yield from (_of_body(change) for change in changes if change.of_body)
    yield from (_of_field(change) for change in changes if change.kind == "field-changed")
    for kind, verb in (("field-added", "added"), ("field-removed", "took out"), ("field-folded", "folded anew")):
        names = list(dict.fromkeys(change.name for change in changes if change.kind == kind))
        more = f" and {len(names) - _MOST_NAMED} more fields" if len(names) > _MOST_NAMED else ""
        if names:
            yield f"{verb} {', '.join(names[:_MOST_NAMED])}{more}"
    names = [change.name for change in changes if change.kind == "fields-reordered"]
    if names:
        yield f"put the fields {', '.join(names[:_MOST_NAMED])} into another order"


def _of_field(change: Change) -> str:
    before, after = change.before, change.after
    if before and after.endswith(before) and len(after) <= len(before) + _LONGEST:
        return f"put '{after.removesuffix(before).strip()}' before the {change.name}"
    return f"changed {change.name} from '{_cut(before)}' to '{_cut(after)}'"


def _of_body(change: Change) -> str:
    lines = count(change.lines, "line")
    match change.kind:
        case "body-encoded":
            if change.before == change.after:
                return f"re-encoded the body ({change.after})"
            return f"re-encoded the body ({change.before} as {change.after})"
        case "lines-added-at-end":
            return f"added {lines} at the end"
        case "lines-added-at-beginning":
            return f"added {lines} at the beginning"
        case "lines-removed-at-end":
            return f"took {lines} away at the end"
        case "lines-removed-at-beginning":
            return f"took {lines} away at the beginning"
        case "lines-wrapped":
            return f"broke lines in other places from line {change.at} on"
        case "line-ends":
            return f"changed how {lines} end{'s' if change.lines == 1 else ''}"
        case "white-space":
            return f"changed white space in {lines}"
        case "empty-lines-at-end":
            return "changed how many empty lines stand at the end"
        case "dots-added":
            return f"left the dot that transparency doubles at the beginning of {lines} in the message"
        case "dots-lost":
            return f"took a dot away at the beginning of {lines}"
        case _:
            return f"changed {lines} from line {change.at} on"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
