"""What became of one scenario: the value every report of a run is made from."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from testbed.allowance import Overspent, allowance
from testbed.errors import CaptureError
from testbed.expect import Judgement, Verdict, judge
from testbed.played import Played
from testbed.protocols.events import ALL_PLAYED, LabEnded, Started, Step
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.compare.difference import Difference
from testbed.trace.model.finding import Finding
from testbed.trace.model.log import of

_LEAST_S = 5.0  # in which what a lab has left that took all its time is judged


class Result(StrEnum):
    """The verdict on a scenario."""

    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


class Inspected:
    """A trace that was inspected.  Its findings cross to another process; there it is inspected again where need be."""

    def __init__(self, analysis: Analysis) -> None:
        self._path = analysis.path
        self._analysis: Analysis | None = analysis
        self._findings: tuple[Finding, ...] | None = None

    @property
    def analysis(self) -> Analysis:
        """What the inspector understood.  Raises CaptureError where the trace is there no longer."""
        from testbed.trace.inspect import inspect

        if self._analysis is None:
            self._analysis = inspect(self._path)
        return self._analysis

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What there is to say about the trace."""
        if self._findings is None:
            self._findings = self.analysis.findings
        return self._findings

    def __getstate__(self) -> dict[str, object]:
        return {"_path": self._path, "_analysis": None, "_findings": self.findings}


class Outcome(Struct, frozen=True):
    """A scenario played, inspected and judged.  ``inspected`` is None when there is no trace to speak of.

    ``reference`` is the trace it was compared with, or should have been, None where nobody asked for that; ``changes``
    are what differs from it, and ``since`` says when it was recorded.  ``outdated`` tells that the scenario then
    read otherwise, ``accepted`` that the trace is the new reference.
    """

    played: Played
    inspected: Inspected | None
    judgement: Judgement | None
    reference: Path | None = None
    since: str = ""
    changes: tuple[Difference, ...] = ()
    outdated: bool = False
    accepted: bool = False

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.played.scenario

    @property
    def analysis(self) -> Analysis | None:
        """What the inspector understood of the trace.  Raises CaptureError where that is there no longer."""
        return self.inspected.analysis if self.inspected is not None else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What there is to say about the trace."""
        return self.inspected.findings if self.inspected is not None else ()

    @property
    def result(self) -> Result:
        """Held only when every expectation held, the lab ran to its end and nothing changed since the reference."""
        if self.played.interrupted or self.played.skipped:
            return Result.SKIPPED
        if self.played.error or self.judgement is None:
            return Result.ERROR
        unchanged = self.accepted or not self.changes
        return Result.HELD if self.judgement.held and unchanged else Result.FAILED

    @property
    def broke_off(self) -> bool:
        """Whether a program ended the lab before its steps were over."""
        return self.judgement is not None and any(not verdict.held for verdict in self.judgement.awaited)

    @property
    def not_judged(self) -> tuple[Verdict, ...]:
        """What nobody could see of a scenario that held otherwise."""
        return self.judgement.not_judged if self.judgement is not None and self.result is Result.HELD else ()


def conclude(played: Played, time_limit_s: float = math.inf) -> Outcome:
    """Inspect the trace of a played scenario and judge it, in the time that its lab has left of the limit."""
    try:
        with allowance(max(_LEAST_S, time_limit_s - played.seconds)):
            return _concluded(played)
    except Overspent:
        error = f"judging was stopped: together with its lab it took more than {time_limit_s:.0f} s"
        return Outcome(replace(played, error=played.error or error, cause=played.cause or error), None, None)


def _concluded(played: Played) -> Outcome:
    from testbed.trace.inspect import inspect

    if played.trace is None:
        return Outcome(played, None, None)
    try:
        analysis = inspect(played.trace)
    except CaptureError:  # a lab that was killed may leave less than a header
        return Outcome(played, None, None)
    judgement, inspected = judge(played.scenario, analysis), Inspected(analysis)
    if played.by_program and (Outcome(played, inspected, judgement).broke_off or _was_over(analysis)):
        played = replace(played, error="", cause="")  # nothing is wrong but the program, if that, as verdicts tell
    elif played.by_program:
        played = replace(
            played, error=played.error + (where := _where(analysis, judgement)), cause=played.cause + where
        )
    return Outcome(played, inspected, judgement)


def _was_over(analysis: Analysis) -> bool:
    """Whether a lab had come to its end by itself, though late."""
    return any(entry.event.reason == ALL_PLAYED for entry in of(analysis.log, LabEnded))


def _where(analysis: Analysis, judgement: Judgement) -> str:
    """What a lab that ended early was about, as the end of a sentence."""
    step = next(reversed(list(of(analysis.log, Step))), None)
    words = [f"in the step at line {step.event.line} ({step.message})"] if step is not None else []
    words += [verdict.why for verdict in judgement.awaited]
    if step is not None and any(of(analysis.log, Started)) and not judgement.awaited:
        words.append("programs that play hosts take real time for their work: '--time-limit' allows more")
    return "".join(f"; {word}" for word in words)
