"""Remarks: what a dialogue shows besides its exchanges, such as lines that no grammar allows.

Whoever reads a dialogue notes them as they pass; :mod:`testbed.trace.services.sentences` puts them into sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

_MAX_FRAMES = 20
_MAX_DETAIL = 200


class Remark(Struct, frozen=True):
    """One kind of remark about one connection.

    ``code`` is that of the finding it becomes, ``frames`` are the first twenty where it was seen, ``detail`` is what
    was seen there first, safe to show.  ``times`` counts them all.
    """

    code: str
    frames: tuple[int, ...]
    detail: str
    times: int


@dataclass(slots=True)
class _Kind:
    detail: str
    frames: dict[int, None] = field(default_factory=dict)
    times: int = 0


class Remarks:
    """Collects remarks: one of a kind, however often it is noted."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def note(self, code: str, frames: tuple[int, ...], detail: str = "") -> None:
        """It was seen here."""
        kind = self._kinds.setdefault(code, _Kind(detail[:_MAX_DETAIL]))
        kind.times += 1
        for frame in frames:
            if len(kind.frames) < _MAX_FRAMES:
                kind.frames[frame] = None

    def take(self, others: Remarks) -> None:
        """What others have noted was seen here."""
        for code, other in others._kinds.items():
            kind = self._kinds.setdefault(code, _Kind(other.detail))
            kind.times += other.times
            kind.frames |= dict.fromkeys([*other.frames][: max(0, _MAX_FRAMES - len(kind.frames))])

    def in_order(self) -> tuple[Remark, ...]:
        """All of them, in the order in which the kinds were first noted."""
        return tuple(Remark(code, tuple(k.frames), k.detail, k.times) for code, k in self._kinds.items())
