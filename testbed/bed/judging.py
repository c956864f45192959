"""What did not hold, raised or told."""

from __future__ import annotations

from testbed.outcome import Outcome, Result
from testbed.protocols.text import printable
from testbed.report.failures import Failure, failures
from testbed.report.run import inspect_command, why_skipped
from testbed.report.words import frames

_MOST_FINDINGS = 5


class NotHeld(AssertionError):
    """Something that was expected did not hold; the message says what, and what was seen instead."""

    __module__ = "testbed"  # where people find it


def check(outcome: Outcome) -> None:
    """Raise NotHeld, with the evidence, if a scenario was not played, or if something did not hold."""
    __tracebackhide__ = True
    if outcome.result is not Result.HELD:
        raise NotHeld(explanation(outcome))


def explanation(outcome: Outcome) -> str:
    """Why a scenario is red: each expectation as written, what was seen instead, the findings, and the trace.

    For a scenario that was skipped, the reason.
    """
    if outcome.result is Result.SKIPPED:
        return why_skipped(outcome)
    parts = [_failure(one) for one in failures(outcome)]
    return "\n\n".join("\n".join(part) for part in (*parts, _findings(outcome), _trace(outcome)) if part)


def _failure(one: Failure) -> list[str]:
    lines = [f"{one.place}: this did not hold" if one.line else f"{one.place}: {one.what}"]
    if one.written:
        lines += ["", *(f"    {line}" for line in one.written), ""]
    if one.line:
        lines.append(f"expected    {one.what}")
    lines.append(f"seen        {one.why}")
    if one.frames:
        lines.append(f"evidence    {frames(one.frames)}")
    if one.remedy:
        lines.append(f"remedy      {one.remedy}")
    return [*lines, *(f"            {line}" for line in one.detail)]


def _findings(outcome: Outcome) -> list[str]:
    found = outcome.findings
    lines = [f"    {printable(finding.text)}  [{frames(finding.frames)}]" for finding in found[:_MOST_FINDINGS]]
    more = [f"    … and {len(found) - _MOST_FINDINGS} more"] if len(found) > _MOST_FINDINGS else []
    return ["the inspector says:", *lines, *more] if lines else []


def _trace(outcome: Outcome) -> list[str]:
    if not outcome.played.trace:
        return []
    return [f"trace       {printable(str(outcome.played.trace))}", f"look at it  {printable(inspect_command(outcome))}"]
