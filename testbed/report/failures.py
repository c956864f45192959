"""Why a scenario is red: what was expected, as it stands in the file, what was seen instead, and where that is.

Every output of a run takes its words from here.  They hold no control characters, each is of one line, except
``written``, which is a list of lines.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator

from msgspec import Struct

from testbed.expect import Verdict
from testbed.outcome import Outcome, Result
from testbed.protocols.text import printable
from testbed.report.run import inspect_command
from testbed.report.words import both_frames, followed, frames
from testbed.scenario.like import texts
from testbed.scenario.scenario import Scenario
from testbed.trace.compare.difference import Difference

_LINE_END = re.compile(r"\r\n|\r|\n")
_MOST_LINES, _MOST_CHANGES = 12, 20


class Failure(Struct, frozen=True):
    """One thing that did not hold.

    ``line`` is 0 for what no line of the file says, ``written`` empty then.  ``remedy`` is what may be missing there.
    """

    what: str
    why: str
    file: str
    line: int = 0
    frames: tuple[int, ...] = ()
    written: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def place(self) -> str:
        """``FILE:LINE``, or the file alone."""
        return f"{self.file}:{self.line}" if self.line else self.file


def failures(outcome: Outcome, *, changed: bool = True) -> list[Failure]:
    """All that did not hold, in the order of the report; empty for a scenario that held or was skipped.

    Without ``changed`` what is no longer as in the reference is left out.
    """
    if outcome.result is Result.ERROR:
        return [_broken(outcome)]
    if outcome.result is not Result.FAILED or outcome.judgement is None:
        return []
    verdicts = (*outcome.judgement.expectations, *outcome.judgement.always)
    found = [_failure(outcome.scenario, verdict) for verdict in verdicts if not verdict.held]
    return [*found, _changed(outcome)] if outcome.changes and changed else found


def unjudged(outcome: Outcome) -> list[str]:
    """What could not be seen of a scenario that held otherwise, a line each."""
    return [printable(f"not judged: {verdict.what}: {verdict.why}") for verdict in outcome.not_judged]


def as_written(scenario: Scenario, verdict: Verdict) -> tuple[str, ...]:
    """The lines of the file that say what a verdict judges; none for what is always checked."""
    lines = _LINE_END.split(texts(scenario.file, scenario.text).get(verdict.file or scenario.file, ""))
    if not 0 < verdict.line <= len(lines):
        return ()
    first = lines[verdict.line - 1]
    indent = len(first) - len(first.lstrip())
    item = [first]
    for line in lines[verdict.line :]:
        if not line.strip() or len(line) - len(line.lstrip()) <= indent:
            break
        item.append(line)
    shown = item if len(item) <= _MOST_LINES else [*item[:_MOST_LINES], " " * indent + "…"]
    return tuple(printable(line) for line in textwrap.dedent("\n".join(shown).expandtabs(8)).split("\n"))


def account(outcome: Outcome, failure: Failure) -> list[str]:
    """A failure in lines for people, up to the command that shows its trace."""
    lines = [f"expected: {failure.what}", f"seen: {failure.why}", f"at: {failure.place}"]
    if failure.written:
        lines += ["as written:", *(f"    {line}" for line in failure.written)]
    if failure.frames:
        lines.append(f"evidence: {frames(failure.frames)}")
    if failure.remedy:
        lines.append(f"remedy: {failure.remedy}")
    lines += failure.detail
    if outcome.played.trace:
        lines += [
            f"trace: {printable(str(outcome.played.trace))}",
            f"look at it: {printable(inspect_command(outcome))}",
        ]
    return lines


def _failure(scenario: Scenario, verdict: Verdict) -> Failure:
    return Failure(
        printable(verdict.what),
        printable(verdict.why),
        printable(verdict.file or scenario.file),
        verdict.line,
        verdict.frames,
        as_written(scenario, verdict),
        remedy=printable(verdict.remedy),
    )


def _changed(outcome: Outcome) -> Failure:
    """All that changed since the reference, as one: a single cause has many effects."""
    first, *others = outcome.changes
    reference, trace = str(outcome.reference), str(outcome.played.trace)
    told = [line for change in outcome.changes[:_MOST_CHANGES] for line in _with_what_follows(change)]
    hidden = len(outcome.changes[_MOST_CHANGES:])
    return Failure(
        f"the same as in {printable(reference)}",
        printable(first.text) + (f" (and {len(others)} more)" if others else ""),
        printable(outcome.scenario.file),
        frames=first.now,
        detail=(
            *told,
            *([f"… and {hidden} more"] if hidden else []),
            *([f"reference: {printable(outcome.since)}"] if outcome.since else []),
            printable(f"side by side: testbed diff {shlex.quote(reference)} {shlex.quote(trace)}"),
        ),
    )


def _with_what_follows(change: Difference) -> Iterator[str]:
    yield _difference("≠", change)
    if change.follows:
        yield f"  {followed(len(change.follows))}"
    yield from (_difference("  ·", one) for one in change.follows[:_MOST_CHANGES])


def _difference(mark: str, change: Difference) -> str:
    cited = both_frames(change.before, change.now)
    return printable(f"{mark} {change.text}" + (f" [{cited}]" if cited else ""))


def _broken(outcome: Outcome) -> Failure:
    """A lab that could not be run, or died."""
    played = outcome.played
    lines = [printable(line) for line in played.error.splitlines() if line.strip()]
    causes = [printable(line) for line in played.cause.splitlines() if line.strip()]
    return Failure(
        "the lab runs to its end",
        causes[0] if causes else "there is no trace that could be judged",
        printable(outcome.scenario.file),
        played.line,
        detail=tuple(lines) if len(lines) > 1 else (),
    )
