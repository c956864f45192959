"""What became of one scenario: the value every report of a run is made from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testbed.errors import CaptureError
from testbed.expect import Judgement, judge
from testbed.runner import Played
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis


class Result(StrEnum):
    """The verdict on a scenario."""

    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario played, inspected and judged.  ``analysis`` is None when there is no trace to speak of."""

    played: Played
    analysis: Analysis | None
    judgement: Judgement | None

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.played.scenario

    @property
    def result(self) -> Result:
        """Held only when every expectation held and the lab ran to its end."""
        if self.played.interrupted or self.played.skipped:
            return Result.SKIPPED
        if self.played.error or self.judgement is None:
            return Result.ERROR
        return Result.HELD if self.judgement.held else Result.FAILED


def conclude(played: Played) -> Outcome:
    """Inspect the trace of a played scenario and judge it."""
    from testbed.trace.inspect import inspect

    if played.trace is None:
        return Outcome(played, None, None)
    try:
        analysis = inspect(played.trace)
    except CaptureError:  # a lab that was killed may leave less than a header
        return Outcome(played, None, None)
    return Outcome(played, analysis, judge(played.scenario, analysis))
