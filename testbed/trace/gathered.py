"""Findings of one kind and cause: the first are told one by one, what comes behind them as one that counts.

How many there are is up to whoever made the capture: eight thousand refused recipients are not eight thousand
sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from testbed.trace.model.finding import Finding, Severity

OF_A_CONNECTION = 10
"""Examples of a kind that a connection tells one by one."""
OF_A_CAPTURE = 50
"""Examples of a kind that a capture tells one by one."""
_MOST_FRAMES = 20


@dataclass(slots=True)
class _Kind:
    """``place`` is where the first behind the examples stands among those that are told."""

    examples: int = 0
    place: int = -1
    behind: int = 0
    times: int = 0
    first: int = 0  # frames
    last: int = 0
    frames: list[int] = field(default_factory=list)
    connections: dict[int, None] = field(default_factory=dict)
    latest: Finding | None = None

    def take(self, finding: Finding) -> None:
        """One more behind the examples."""
        if finding.frames:
            self.first = min(self.first or finding.frames[0], *finding.frames)
            self.last = max(self.last, *finding.frames)
        self.behind += 1
        self.times += finding.times
        self.frames += finding.frames[: _MOST_FRAMES - len(self.frames)]
        self.connections |= dict.fromkeys(finding.connections)
        if self.latest is None or finding.times == 1:  # what stands for many itself is no example
            self.latest = finding

    def rest(self) -> Finding:
        """What came behind the examples."""
        latest = self.latest
        assert latest is not None
        if self.behind == 1:
            return latest
        place = f" in frames {self.first:,} to {self.last:,}" if self.first else ""
        text = f"and {self.times:,} more of {latest.code}{place}; the last: {latest.text}"
        frames = tuple(sorted({*self.frames, self.last} - {0}))
        return replace(
            latest, text=text, frames=frames, connections=tuple(self.connections), times=self.times
        )  # fmt: skip


def gathered(findings: Iterable[Finding], most: int) -> tuple[Finding, ...]:
    """The findings, at most so many of a kind and one that stands for all others of it."""
    kinds: dict[tuple[str, Severity, str], _Kind] = {}
    told: list[Finding] = []
    for finding in findings:
        kind = kinds.setdefault((finding.code, finding.severity, finding.cause), _Kind())
        if kind.examples < most:
            kind.examples += 1
            told.append(finding)
            continue
        kind.take(finding)
        if kind.place < 0:
            kind.place = len(told)
            told.append(finding)
    for kind in kinds.values():
        if kind.place >= 0:
            told[kind.place] = kind.rest()
    return tuple(told)
