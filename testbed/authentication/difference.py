"""What differs between a message and the same message a hop later, field by field and line by line."""

from __future__ import annotations

from collections import Counter

from testbed.authentication import canonical
from testbed.authentication.body_difference import of_bodies
from testbed.authentication.changes import Change
from testbed.authentication.message import Field, Message, parse

MAX_CHANGES = 200
_LONGEST = 200


def between(before: bytes, after: bytes) -> tuple[Change, ...]:
    """What was done to a message of CRLF lines, the first :data:`MAX_CHANGES`: header first, then body.

    Where a field stands among those of other names is no change, since no signature minds (RFC 6376 §5.4.2).
    """
    one, other = parse(before), parse(after)
    names = list(dict.fromkeys(field.name for field in (*other.fields, *one.fields)))
    left, right = _by_name(one), _by_name(other)
    found = [change for name in names for change in _of_name(left.get(name, []), right.get(name, []))]
    return (*found[:MAX_CHANGES], *of_bodies(one, other))


def _by_name(message: Message) -> dict[str, list[Field]]:
    found: dict[str, list[Field]] = {}
    for field in message.fields:
        found.setdefault(field.name, []).append(field)
    return found


def _of_name(before: list[Field], after: list[Field]) -> list[Change]:
    """Changes of all fields of one name.  Those left over are paired from below, as signatures count them."""
    gone, new = _unmatched(before, after)
    if not gone and not new:
        moved = [field.octets for field in before] != [field.octets for field in after]
        return [Change("fields-reordered", _spelt(before[0]))] if moved else []
    refolded = _relaxed(gone) & _relaxed(new)
    changes = [Change("field-folded", _spelt(field)) for field in new if _form(field) in refolded]
    gone = [field for field in gone if _form(field) not in refolded]
    new = [field for field in new if _form(field) not in refolded]
    for _ in range(min(len(gone), len(new))):
        was, now = gone.pop(), new.pop()
        changes.append(Change("field-changed", _spelt(now), _shown(was), _shown(now)))
    changes += [Change("field-removed", _spelt(field), before=_shown(field)) for field in gone]
    changes += [Change("field-added", _spelt(field), after=_shown(field)) for field in new]
    return changes


def _unmatched(before: list[Field], after: list[Field]) -> tuple[list[Field], list[Field]]:
    """The fields of either that the other has not, octet for octet."""
    there, here = Counter(f.octets for f in after), Counter(f.octets for f in before)
    return _beyond(before, there), _beyond(after, here)


def _beyond(fields: list[Field], others: Counter[bytes]) -> list[Field]:
    left: list[Field] = []
    for field in reversed(fields):
        others[field.octets] -= 1
        if others[field.octets] < 0:
            left.append(field)
    return left[::-1]


def _relaxed(fields: list[Field]) -> set[bytes]:
    return {_form(field) for field in fields}


def _form(field: Field) -> bytes:
    return canonical.field(field.octets, "relaxed")


def _spelt(field: Field) -> str:
    return _safe(field.octets.partition(b":")[0].rstrip(b" \t\r\n"))[:77]


def _shown(field: Field) -> str:
    return _safe(b" ".join(field.value.split()))[:_LONGEST]


def _safe(octets: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in octets[: 4 * _LONGEST].decode("utf-8", "replace"))
