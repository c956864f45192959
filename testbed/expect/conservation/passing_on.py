"""What a scenario has its relays change in mail that they pass on: footers and tags of lists, authors, encodings.

It is undone here, and what is left must be the message as it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from email import policy
from email.message import Message as MimePart
from email.parser import BytesParser
from email.utils import parseaddr

from msgspec import Struct

from testbed.authentication.message import Field, Message, parse
from testbed.expect.conservation.fields import may_go
from testbed.protocols.header import header_field
from testbed.protocols.srs import written_for
from testbed.scenario.hosts import RelaySpec
from testbed.scenario.scenario import Scenario

OTHER_TEXT = "its text is not what was sent"
_OF_LISTS = ("list-", "precedence")
_OF_MIME = ("content-", "mime-version")


class Change(Struct, frozen=True):
    """What may differ of a message that went on to somebody: below its text, before its subject, in From.

    ``sender`` is what becomes of the envelope sender: ``keep``, ``srs``, or ``list``.
    """

    footers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    by_list: bool = False
    encoded: bool = False
    sender: str = "keep"

    @property
    def changes_text(self) -> bool:
        """Whether the octets of the body may be others."""
        return bool(self.footers) or self.encoded

    def fits_sender(self, before: str, after: str) -> bool:
        """Whether an envelope sender may have become another, both in lower case."""
        if self.sender == "list":
            return True
        return after == before or (self.sender == "srs" and written_for(after) == written_for(before))


class PassedOn:
    """The forwards and lists of the lab's own relays; without a scenario there are none."""

    def __init__(self, scenario: Scenario | None) -> None:
        hosts = {} if scenario is None else scenario.hosts
        self._steps = {
            name: dict(_steps(spec))
            for name, spec in hosts.items()
            if isinstance(spec, RelaySpec) and not spec.is_program
        }

    def changes(self, host: str, given: Sequence[str], recipient: str) -> list[Change]:
        """What a host may have changed of mail for these recipients when it went on to that one; all in lower case."""
        steps = self._steps.get(host)
        return [] if not steps else [c for address in given for c in self._from(steps, address, recipient, Change())]

    def _from(
        self, steps: dict[str, list[tuple[str, Change]]], address: str, to: str, so_far: Change, deep: int = 0
    ) -> Iterator[Change]:
        for target, change in steps.get(address, ()) if deep <= len(steps) else ():
            both = _joined(so_far, change)
            if target == to:
                yield both
            yield from self._from(steps, target, to, both, deep + 1)


def _steps(spec: RelaySpec) -> Iterator[tuple[str, list[tuple[str, Change]]]]:
    for user, forward in spec.forward.items():
        own = f"{user}@{spec.domain}".lower()
        authors = (own,) if forward.from_ == "own" else ()
        change = Change(authors=authors, encoded=forward.seven_bit, sender="srs" if forward.srs else "keep")
        yield own, [(forward.to.lower(), change)]
    for name, one in spec.lists.items():
        own = f"{name}@{spec.domain}".lower()
        change = Change(
            (one.footer,) if one.footer else (),
            (one.subject_tag,) if one.subject_tag else (),
            (own,) if one.from_ == "munge" else (),
            by_list=True,
            sender="keep" if one.return_path == "keep" else "list",
        )
        yield own, [(member.lower(), change) for member in one.members]


def _joined(first: Change, then: Change) -> Change:
    return Change(
        (*first.footers, *then.footers),
        (*first.tags, *then.tags),
        (*first.authors, *then.authors),
        by_list=first.by_list or then.by_list,
        encoded=first.encoded or then.encoded,
        sender=first.sender if then.sender == "keep" else then.sender,
    )


def difference(change: Change, before: bytes, after: bytes) -> str:
    """What differs besides, as the end of a sentence; ``""`` for nothing."""
    was, now = parse(before), parse(after)
    for field in _gone(was, now):
        if not may_go(field.name) and not _may_change(change, field, now, after):
            return f"its header field {field.name[:77]} is gone or changed"
    if not change.changes_text:
        return "" if _plain(was.body) == _plain(now.body) else OTHER_TEXT
    parts = _parts(after)
    for footer in reversed(change.footers):
        parts = _without(parts, _plain(footer.encode()))
    return "" if parts == _parts(before) else OTHER_TEXT


def _gone(was: Message, now: Message) -> Iterator[Field]:
    left = Counter(field.octets for field in now.fields)
    for field in was.fields:
        if left[field.octets]:
            left[field.octets] -= 1
        else:
            yield field


def _may_change(change: Change, field: Field, now: Message, after: bytes) -> bool:
    if field.name == "subject":
        return any(_is_tagged(field.text, one.text, change.tags) for one in now.named("subject"))
    if field.name == "from":
        return parseaddr(header_field(after, "From"))[1].lower() in change.authors
    if field.name.startswith(_OF_LISTS):
        return change.by_list
    return field.name.startswith(_OF_MIME) and change.changes_text


def _is_tagged(before: str, after: str, tags: tuple[str, ...]) -> bool:
    """Whether nothing but tags, each at most once, stands before a subject."""
    for tag in reversed(tags):
        after = after.removeprefix(tag).lstrip(" ")
    return after == before


def _parts(octets: bytes) -> tuple[bytes, ...]:
    """The decoded parts of a message that hold anything, their lines ended as in a file."""
    message = BytesParser(policy=policy.compat32).parsebytes(octets)
    return tuple(filter(None, map(_payload, message.walk())))


def _payload(part: MimePart) -> bytes:
    octets = part.get_payload(decode=True)
    return _plain(octets) if isinstance(octets, bytes) else b""


def _plain(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").rstrip(b"\n")


def _without(parts: tuple[bytes, ...], footer: bytes) -> tuple[bytes, ...]:
    """The parts without a footer, which ends the last one or is it."""
    if not parts or not parts[-1].endswith(footer):
        return (*parts, b"")  # none of what came
    rest = parts[-1].removesuffix(footer)
    if not rest:
        return parts[:-1]
    return (*parts[:-1], rest.rstrip(b"\n")) if rest.endswith(b"\n") else (*parts, b"")
