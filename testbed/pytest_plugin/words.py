"""What pytest says of a scenario that is red."""

from __future__ import annotations

from _pytest._code.code import ReprEntryNative, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from testbed.bed import explanation
from testbed.outcome import Outcome
from testbed.report.failures import failures


def failure(outcome: Outcome) -> ReprExceptionInfo:
    """Everything that did not hold; for summaries, the first, and where it is written."""
    first, *others = failures(outcome)
    place = f"line {first.line}: " if first.line else ""
    more = f" (and {len(others)} more)" if others else ""
    return plain(first.file, first.line or 1, f"{place}{first.what}: {first.why}{more}", explanation(outcome))


def plain(file: str, line: int, summary: str, text: str) -> ReprExceptionInfo:
    """Text for people, with a place and a sentence for summaries; it survives the way from pytest-xdist's workers."""
    entry = ReprEntryNative([f"{each}\n" for each in text.splitlines()])
    return ReprExceptionInfo(
        reprcrash=ReprFileLocation(file, line, summary), reprtraceback=ReprTraceback([entry], None, style="native")
    )
