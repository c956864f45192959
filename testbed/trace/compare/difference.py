"""One thing that changed between two traces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct


class Difference(Struct, frozen=True):
    """What changed, in one sentence, with the frames of both traces that show it.

    ``kind`` is a stable kebab-case name for programs: ``reply-changed``.  Either side has no frames where what
    changed was not there.  ``text`` is safe to show.
    """

    kind: str
    text: str
    before: tuple[int, ...]  # frames of the reference, or of the first trace
    now: tuple[int, ...]  # frames of the new trace
    follows: tuple[Difference, ...] = ()


def every(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Each of them, and behind it those that follow from it."""
    for difference in differences:
        yield difference
        yield from difference.follows
